// Both kinds of progress share the arithmetic of rates and remaining time.
#include "progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "log.h"
#include "units.h"

namespace quantize::cli {
namespace {

using Clock = std::chrono::steady_clock;

class TextProgress : public ProgressSink {
 public:
    explicit TextProgress(double interval_seconds) : interval_(interval_seconds) {}

    void start(std::size_t tensor_count, std::uint64_t total_bytes) override {
        tensors_ = tensor_count;
        total_ = total_bytes;
        begin_ = shown_ = Clock::now();
    }

    void advance(std::uint64_t bytes, std::size_t tensors_done) override {
        const auto now = Clock::now();
        if (std::chrono::duration<double>(now - shown_).count() < interval_) return;
        shown_ = now;
        show(state(bytes, tensors_done, std::chrono::duration<double>(now - begin_).count()));
    }

 protected:
    struct State {
        double fraction;
        std::string text;  ///< "12/291 tensors, 1.20 GiB, 2.31 GiB/s, 8.05 s left"
    };
    virtual void show(const State& state) = 0;

 private:
    State state(std::uint64_t bytes, std::size_t tensors_done, double seconds) const {
        const double fraction = total_ == 0 ? 1.0 : static_cast<double>(bytes) / total_;
        const double rate = seconds > 0 ? static_cast<double>(bytes) / seconds : 0;
        std::string text = fmt::format("{}/{} tensors, {}, {}/s", tensors_done, tensors_,
                                       bytes_text(static_cast<double>(bytes)), bytes_text(rate));
        if (rate > 0) {
            text += fmt::format(", {} left", seconds_text((total_ - bytes) / rate));
        }
        return {std::min(fraction, 1.0), text};
    }

    double interval_;
    std::size_t tensors_ = 0;
    std::uint64_t total_ = 0;
    Clock::time_point begin_;
    Clock::time_point shown_;
};

class Bar : public TextProgress {
 public:
    Bar() : TextProgress(0.1) {}
    ~Bar() override { clear(); }

    void finish() override { clear(); }

 private:
    static std::size_t terminal_columns() {
        winsize size{};
        if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
        return 80;
    }

    void show(const State& state) override {
        constexpr std::size_t bar_columns = 20;
        const auto filled = static_cast<std::size_t>(state.fraction * bar_columns);
        std::string line = fmt::format("[{:=>{}}{:>{}}] {:3.0f}% {}", "", filled, "",
                                       bar_columns - filled, 100 * state.fraction, state.text);
        line.resize(std::min(line.size(), terminal_columns() - 1));
        std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
        std::fflush(stderr);
        visible_ = true;
    }

    void clear() {
        if (!visible_) return;
        std::fputs("\r\x1b[K", stderr);
        std::fflush(stderr);
        visible_ = false;
    }

    bool visible_ = false;
};

class Lines : public TextProgress {
 public:
    Lines() : TextProgress(10) {}

 private:
    void show(const State& state) override {
        std::fprintf(stderr, "quantize: %3.0f%%, %s\n", 100 * state.fraction, state.text.c_str());
    }
};

}  // namespace

std::unique_ptr<ProgressSink> make_progress(ProgressMode mode) {
    if (mode == ProgressMode::off) return std::make_unique<ProgressSink>();
    if (mode == ProgressMode::on || stderr_is_terminal()) return std::make_unique<Bar>();
    return std::make_unique<Lines>();
}

}  // namespace quantize::cli

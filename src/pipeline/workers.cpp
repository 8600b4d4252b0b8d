// Threads come from oneTBB; numbers are handed out one by one, so that reading stays sequential
// and a slow piece does not hold up others.
#include "pipeline/workers.h"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>

#include "pipeline/handover.h"
#include "quantize/error.h"

namespace quantize::pipeline {
namespace {

class Pieces {
 public:
    Pieces(std::uint64_t count, const std::atomic<bool>& stop,
           const std::function<void(std::uint64_t)>& body)
        : count_(count), stop_(stop), body_(body) {}

    /// Works until nothing is left to hand out.
    void work() {
        while (!failed_.load(std::memory_order_relaxed)) {
            const std::uint64_t number = next_.fetch_add(1, std::memory_order_relaxed);
            if (number >= count_) return;
            try {
                if (stop_.load(std::memory_order_relaxed)) throw_interrupted();
                body_(number);
            } catch (...) {
                note_failure(number);
            }
        }
    }

    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

 private:
    void note_failure(std::uint64_t number) {
        const std::lock_guard lock(mutex_);
        if (!error_ || number < failed_number_) {
            error_ = std::current_exception();
            failed_number_ = number;
        }
        failed_.store(true, std::memory_order_relaxed);
    }

    const std::uint64_t count_;
    const std::atomic<bool>& stop_;
    const std::function<void(std::uint64_t)>& body_;
    std::atomic<std::uint64_t> next_{0};
    std::atomic<bool> failed_{false};
    std::mutex mutex_;
    std::exception_ptr error_;
    std::uint64_t failed_number_ = 0;
};

}  // namespace

unsigned thread_count(unsigned wanted) {
    return wanted != 0 ? wanted : std::max(1u, std::thread::hardware_concurrency());
}

void run_pieces(unsigned threads, std::uint64_t count, const std::atomic<bool>& stop,
                const std::function<void(std::uint64_t)>& body) {
    Pieces pieces(count, stop, body);
    const auto workers = static_cast<unsigned>(std::min<std::uint64_t>(threads, count));
    if (workers <= 1) {
        pieces.work();
    } else {
        const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, workers);
        tbb::task_arena arena(static_cast<int>(workers));
        hand_over(&pieces);
        arena.execute([&] {
            tbb::parallel_for(
                0u, workers,
                [&](unsigned) {
                    take_over(&pieces);
                    pieces.work();
                    hand_over(&pieces);
                },
                tbb::simple_partitioner());
        });
        take_over(&pieces);
    }
    pieces.rethrow();
}

void throw_interrupted() {
    throw Error("interrupted; no output was written", ErrorKind::interrupted);
}

}  // namespace quantize::pipeline

// Threads come from oneTBB; numbers are handed out one by one, so that reading stays sequential
// and a slow piece does not hold up others.
#include "pipeline/workers.h"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define QUANTIZE_THREAD_SANITIZER
#endif
#elif defined(__SANITIZE_THREAD__)
#define QUANTIZE_THREAD_SANITIZER
#endif

#ifndef QUANTIZE_THREAD_SANITIZER
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#endif

#include <algorithm>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

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

/// Calls `work` on so many threads and waits for them all.
template <class Work>
void on_threads(unsigned threads, const Work& work) {
#ifdef QUANTIZE_THREAD_SANITIZER
    // oneTBB's library is not built for the sanitizer, which then cannot see what it orders and
    // reports races that are none. What is looked for is how our work shares data, whatever the
    // threads.
    std::vector<std::thread> all;
    for (unsigned i = 0; i < threads; ++i)
        all.emplace_back(work);
    for (std::thread& thread : all)
        thread.join();
#else
    const tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    tbb::task_arena arena(static_cast<int>(threads));
    arena.execute([&] {
        tbb::parallel_for(
            0u, threads, [&](unsigned) { work(); }, tbb::simple_partitioner());
    });
#endif
}

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
        on_threads(workers, [&pieces] { pieces.work(); });
    }
    pieces.rethrow();
}

void throw_interrupted() {
    throw Error("interrupted; no output was written", ErrorKind::interrupted);
}

}  // namespace quantize::pipeline

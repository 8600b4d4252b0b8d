// Runs numbered pieces of work on several threads: in order of their numbers as far as threads
// go, the first error ends all, and a stop flag is honoured between pieces.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>

namespace quantize::pipeline {

/// Threads to use for a request of `wanted` (0: one for each core).
unsigned thread_count(unsigned wanted);

/// Calls `body(number)` for every number below `count` and returns when all are done. One thread
/// means this thread. Throws what the failed piece with the lowest number threw, so that the
/// message does not depend on timing, or an Error of kind interrupted when `stop` was set.
void run_pieces(unsigned threads, std::uint64_t count, const std::atomic<bool>& stop,
                const std::function<void(std::uint64_t)>& body);

/// Throws the Error that ends an interrupted run.
[[noreturn]] void throw_interrupted();

}  // namespace quantize::pipeline

// Counts what is done, from any thread, and tells the sink about it, from one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "pipeline/chunks.h"
#include "quantize/quantize.h"

namespace quantize::pipeline {

class ProgressMeter {
 public:
    ProgressMeter(ProgressSink& sink, const ChunkList& chunks, std::size_t tensor_count)
        : sink_(sink), left_(tensor_count) {
        for (std::size_t i = 0; i < tensor_count; ++i) {
            left_[i] = chunks.chunks_of(i);
            if (left_[i] == 0) ++tensors_done_;
        }
    }

    /// Returns true for the last chunk of its tensor.
    bool done(std::size_t tensor, std::uint64_t bytes) {
        const bool last = left_[tensor].fetch_sub(1) == 1;
        if (last) tensors_done_.fetch_add(1);
        bytes_.fetch_add(bytes);
        // Whoever finds the sink busy leaves the telling to the next one.
        const std::unique_lock lock(mutex_, std::try_to_lock);
        if (lock.owns_lock()) sink_.advance(bytes_.load(), tensors_done_.load());
        return last;
    }

 private:
    ProgressSink& sink_;
    std::mutex mutex_;
    std::vector<std::atomic<std::uint64_t>> left_;  ///< chunks of each tensor
    std::atomic<std::uint64_t> bytes_{0};
    std::atomic<std::size_t> tensors_done_{0};
};

}  // namespace quantize::pipeline

// Buffers that a thread reuses from piece to piece.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace quantize::pipeline {

/// Memory that grows to what was asked of it and is not cleared.
template <class T>
class Buffer {
 public:
    std::span<T> take(std::size_t count) {
        if (count > capacity_) {
            data_.reset();
            data_ = std::make_unique_for_overwrite<T[]>(count);
            capacity_ = count;
        }
        return {data_.get(), count};
    }

 private:
    std::unique_ptr<T[]> data_;
    std::size_t capacity_ = 0;
};

struct Scratch {
    Buffer<std::byte> input;
    Buffer<std::byte> output;
    Buffer<float> values;
    Buffer<float> decoded;
};

}  // namespace quantize::pipeline

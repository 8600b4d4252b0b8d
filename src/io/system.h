// The system calls that reading and writing files go through, in one table, so that tests can put
// failing, short and full ones in their place.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

namespace quantize::io {

/// Each entry follows the POSIX call of its name: -1 and errno on failure.
struct SystemCalls {
    ssize_t (*pread)(int fd, void* buffer, std::size_t bytes, off_t offset);
    ssize_t (*pwrite)(int fd, const void* buffer, std::size_t bytes, off_t offset);
    int (*fstat)(int fd, struct stat* status);
    int (*fsync)(int fd);
    int (*rename)(const char* from, const char* to);
    /// Fails with EEXIST when `to` exists.
    int (*rename_new)(const char* from, const char* to);
    /// Both names exist before and after; each then names what the other did.
    int (*exchange)(const char* one, const char* other);
    /// Reserves space for a file of that length and makes it so long.
    int (*preallocate)(int fd, off_t bytes);
    int (*truncate)(int fd, off_t bytes);
    /// Bytes that an unprivileged process may still write to the file system of `path`.
    int (*free_bytes)(const char* path, std::uint64_t* bytes);
};

/// The operating system's own calls.
const SystemCalls& real_system();

/// The calls in use.
const SystemCalls& system_calls();

/// Puts other calls in place while it lives; for tests, before any thread uses files.
class ScopedSystemCalls {
 public:
    explicit ScopedSystemCalls(const SystemCalls& replacement);
    ~ScopedSystemCalls();
    ScopedSystemCalls(const ScopedSystemCalls&) = delete;
    ScopedSystemCalls& operator=(const ScopedSystemCalls&) = delete;

 private:
    const SystemCalls* before_;
};

/// The system's words for an errno value; safe in threads.
std::string system_message(int error_number);

/// A file descriptor that is closed with its owner.
class Descriptor {
 public:
    Descriptor() = default;
    explicit Descriptor(int fd) : fd_(fd) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            reset();
            fd_ = other.release();
        }
        return *this;
    }

    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    void reset();

 private:
    int release() {
        const int fd = fd_;
        fd_ = -1;
        return fd;
    }

    int fd_ = -1;
};

}  // namespace quantize::io

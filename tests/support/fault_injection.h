// System calls that fail on demand: a plan says which call fails, how, and from when on.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "io/system.h"

namespace quantize::test {

/// What the calls do while a FaultyCalls lives; zero means as usual.
struct FaultPlan {
    std::size_t max_bytes = 0;  ///< reads and writes move at most so many bytes
    int interrupts = 0;         ///< so many reads and writes fail with EINTR first
    int pread_error = 0;
    int pwrite_error = 0;
    int sound_writes = 0;     ///< so many writes go well before pwrite_error strikes
    bool pread_ends = false;  ///< reads find the end of the file
    int fstat_error = 0;
    int reads_before = 0;           ///< so many reads go by before `meanwhile` happens
    void (*meanwhile)() = nullptr;  ///< what another program does to the files
    bool pwrite_nothing = false;
    int fsync_error = 0;
    int sound_fsyncs = 0;
    int rename_error = 0;
    int sound_renames = 0;     ///< so many files get their names before rename_error strikes
    bool no_exchange = false;  ///< as on a file system that cannot exchange names
    bool rename_stays_broken = false;  ///< else rename_error strikes once
    int preallocate_error = 0;
    int truncate_error = 0;
    bool free_space_unknown = false;
    std::uint64_t free_space = UINT64_MAX;
};

inline FaultPlan fault_plan;

namespace detail {

inline bool interrupted() {
    if (fault_plan.interrupts == 0) return false;
    --fault_plan.interrupts;
    errno = EINTR;
    return true;
}

inline int failed(int error) {
    errno = error;
    return -1;
}

inline std::size_t limited(std::size_t bytes) {
    return fault_plan.max_bytes == 0 ? bytes : std::min(bytes, fault_plan.max_bytes);
}

inline ssize_t pread(int fd, void* buffer, std::size_t bytes, off_t offset) {
    if (interrupted()) return -1;
    if (fault_plan.pread_error != 0) return failed(fault_plan.pread_error);
    if (fault_plan.pread_ends) return 0;
    if (fault_plan.meanwhile != nullptr && fault_plan.reads_before-- <= 0) {
        std::exchange(fault_plan.meanwhile, nullptr)();
    }
    return io::real_system().pread(fd, buffer, limited(bytes), offset);
}

inline ssize_t pwrite(int fd, const void* buffer, std::size_t bytes, off_t offset) {
    if (interrupted()) return -1;
    if (fault_plan.pwrite_nothing) return 0;
    if (fault_plan.pwrite_error != 0 && fault_plan.sound_writes-- <= 0) {
        return failed(fault_plan.pwrite_error);
    }
    return io::real_system().pwrite(fd, buffer, limited(bytes), offset);
}

inline int fstat(int fd, struct stat* status) {
    if (fault_plan.fstat_error != 0) return failed(fault_plan.fstat_error);
    return io::real_system().fstat(fd, status);
}

inline int fsync(int fd) {
    if (interrupted()) return -1;
    if (fault_plan.fsync_error != 0 && fault_plan.sound_fsyncs-- <= 0) {
        return failed(fault_plan.fsync_error);
    }
    return io::real_system().fsync(fd);
}

/// All three ways to rename count as one.
inline int rename_fault() {
    if (fault_plan.rename_error == 0 || fault_plan.sound_renames-- > 0) return 0;
    const int error = fault_plan.rename_error;
    if (!fault_plan.rename_stays_broken) fault_plan.rename_error = 0;
    return error;
}

inline int rename(const char* from, const char* to) {
    if (const int error = rename_fault()) return failed(error);
    return io::real_system().rename(from, to);
}

inline int rename_new(const char* from, const char* to) {
    if (const int error = rename_fault()) return failed(error);
    return io::real_system().rename_new(from, to);
}

inline int exchange(const char* one, const char* other) {
    if (fault_plan.no_exchange) return failed(EINVAL);
    // With only one of the names there, another of the three will be called.
    if (::access(other, F_OK) != 0) return failed(ENOENT);
    if (const int error = rename_fault()) return failed(error);
    return io::real_system().exchange(one, other);
}

inline int preallocate(int fd, off_t bytes) {
    if (interrupted()) return -1;
    if (fault_plan.preallocate_error != 0) return failed(fault_plan.preallocate_error);
    return io::real_system().preallocate(fd, bytes);
}

inline int truncate(int fd, off_t bytes) {
    if (fault_plan.truncate_error != 0) return failed(fault_plan.truncate_error);
    return io::real_system().truncate(fd, bytes);
}

inline int free_bytes(const char*, std::uint64_t* bytes) {
    if (fault_plan.free_space_unknown) return failed(ENOTSUP);
    *bytes = fault_plan.free_space;
    return 0;
}

inline io::SystemCalls faulty_calls() {
    io::SystemCalls calls = io::real_system();
    calls.pread = pread;
    calls.pwrite = pwrite;
    calls.fstat = fstat;
    calls.fsync = fsync;
    calls.rename = rename;
    calls.rename_new = rename_new;
    calls.exchange = exchange;
    calls.preallocate = preallocate;
    calls.truncate = truncate;
    calls.free_bytes = free_bytes;
    return calls;
}

inline const io::SystemCalls calls_with_faults = faulty_calls();

}  // namespace detail

/// Puts a plan into force for a scope.
class FaultyCalls {
 public:
    explicit FaultyCalls(const FaultPlan& plan) : calls_(detail::calls_with_faults) {
        fault_plan = plan;
    }
    ~FaultyCalls() { fault_plan = {}; }

 private:
    io::ScopedSystemCalls calls_;
};

}  // namespace quantize::test

// The real system calls behind the table, and what differs between systems.
#include "io/system.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#if defined(__linux__)
#include <linux/magic.h>
#include <sys/vfs.h>
#endif
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>

namespace quantize::io {
namespace {

/// For systems without a rename that refuses to replace: a second name fails when there is one.
int link_and_unlink(const char* from, const char* to) {
    if (::link(from, to) != 0) return -1;
    ::unlink(from);
    return 0;
}

int rename_new(const char* from, const char* to) {
#if defined(__linux__) && defined(RENAME_NOREPLACE)
    if (::renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return -1;
#endif
    return link_and_unlink(from, to);
}

int exchange(const char* one, const char* other) {
#if defined(__linux__) && defined(RENAME_EXCHANGE)
    return ::renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
#else
    errno = ENOSYS;
    return one != other ? -1 : 0;
#endif
}

#if defined(__linux__)
/// A file system in memory: nothing there lies scattered, and reserving would cost a tenth of the
/// time that writing takes.
bool is_in_memory(int fd) {
    struct statfs status {};
    return ::fstatfs(fd, &status) == 0 && status.f_type == TMPFS_MAGIC;
}
#endif

int preallocate(int fd, off_t bytes) {
#if defined(__linux__)
    if (is_in_memory(fd)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    // Not posix_fallocate: where the file system cannot reserve, that writes to every block.
    return ::fallocate(fd, 0, 0, bytes);
#else
    errno = EOPNOTSUPP;
    return fd >= 0 && bytes >= 0 ? -1 : -1;
#endif
}

int free_bytes(const char* path, std::uint64_t* bytes) {
    struct statvfs status {};
    if (::statvfs(path, &status) != 0) return -1;
    // Some network file systems do not tell their size.
    if (status.f_blocks == 0) {
        errno = ENOTSUP;
        return -1;
    }
    *bytes = std::uint64_t{status.f_bavail} * status.f_frsize;
    return 0;
}

const SystemCalls real_calls{::pread,    ::pwrite, ::fstat,     ::fsync,     std::rename,
                             rename_new, exchange, preallocate, ::ftruncate, free_bytes};

const SystemCalls* active_calls = &real_calls;

}  // namespace

const SystemCalls& real_system() {
    return real_calls;
}
const SystemCalls& system_calls() {
    return *active_calls;
}

ScopedSystemCalls::ScopedSystemCalls(const SystemCalls& replacement) : before_(active_calls) {
    active_calls = &replacement;
}
ScopedSystemCalls::~ScopedSystemCalls() {
    active_calls = before_;
}

std::string system_message(int error_number) {
    return std::generic_category().message(error_number);
}

void Descriptor::reset() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

}  // namespace quantize::io

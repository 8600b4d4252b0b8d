// Reading ranges of a file, complete or not at all.
#include "io/input_file.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "quantize/error.h"

namespace quantize::io {
namespace {

/// Linux reads at most a little under 2 GiB in one call; smaller steps notice an interrupt sooner.
constexpr std::size_t max_bytes_per_read = std::size_t{1} << 30;

std::int64_t modified_ns(const struct stat& status) {
#if defined(__APPLE__)
    const struct timespec& time = status.st_mtimespec;
#else
    const struct timespec& time = status.st_mtim;
#endif
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

std::optional<FileIdentity> identify(const std::filesystem::path& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return std::nullopt;
    return FileIdentity{status.st_dev, status.st_ino};
}

InputFile::InputFile(std::filesystem::path path) : path_(std::move(path)) {
    const auto fail = [&](const std::string& message) {
        throw Error(message).in_file(path_.string());
    };
    // Without O_NONBLOCK, opening a pipe that nobody writes to would wait forever.
    fd_ = Descriptor(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!fd_) fail("cannot open: " + system_message(errno) + "; check the path");
    struct stat status {};
    if (system_calls().fstat(fd_.get(), &status) != 0) {
        fail("cannot read its size: " + system_message(errno));
    }
    if (S_ISDIR(status.st_mode)) fail("is a directory, not a file; name a file in it");
    if (!S_ISREG(status.st_mode)) fail("not a regular file; copy it to a disk first");
    size_ = static_cast<std::uint64_t>(status.st_size);
    identity_ = {status.st_dev, status.st_ino};
    modified_ns_ = modified_ns(status);
}

void InputFile::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
        const ssize_t got = system_calls().pread(fd_.get(), bytes.data(),
                                                 std::min(bytes.size(), max_bytes_per_read),
                                                 static_cast<off_t>(offset));
        if (got < 0) {
            if (errno == EINTR) continue;
            throw Error("cannot read at byte " + std::to_string(offset) + ": " +
                        system_message(errno))
                .in_file(path_.string());
        }
        if (got == 0) {
            throw Error("unexpected end of file at byte " + std::to_string(offset) + " (it had " +
                        std::to_string(size_) +
                        " bytes when it was opened): it was shortened while being read; try again "
                        "once nothing writes to it")
                .in_file(path_.string());
        }
        bytes = bytes.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
}

void InputFile::will_need(std::uint64_t offset, std::uint64_t bytes) const {
#if defined(POSIX_FADV_WILLNEED)
    ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(bytes),
                    POSIX_FADV_WILLNEED);
#else
    static_cast<void>(offset);
    static_cast<void>(bytes);
#endif
}

void InputFile::check_unchanged() const {
    struct stat status {};
    if (system_calls().fstat(fd_.get(), &status) != 0) {
        throw Error("cannot read its size: " + system_message(errno)).in_file(path_.string());
    }
    if (static_cast<std::uint64_t>(status.st_size) != size_ ||
        modified_ns(status) != modified_ns_) {
        throw Error("unexpected change: the file was written to while it was read; try again")
            .in_file(path_.string());
    }
}

}  // namespace quantize::io

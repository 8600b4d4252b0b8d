// A file whose content changes from input to input and that no disk holds, for readers that take a
// path.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <span>
#include <string>

#include "require.h"

namespace quantize::fuzz {

class FileInMemory {
 public:
    FileInMemory() : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) { require(fd_ >= 0); }

    /// Names the file for as long as the process lives.
    std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

    void set_content(std::span<const std::uint8_t> bytes) const {
        require(::ftruncate(fd_, 0) == 0);
        require(::pwrite(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
    }

 private:
    int fd_;
};

}  // namespace quantize::fuzz

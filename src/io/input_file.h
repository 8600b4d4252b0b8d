// A file that is only read: ranges of it, from any thread, each completely or with an Error.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "io/system.h"

namespace quantize::io {

/// What a path names, whatever links lead to it.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const FileIdentity&) const = default;
};

/// The file that `path` leads to; nothing when there is none.
std::optional<FileIdentity> identify(const std::filesystem::path& path);

class InputFile {
 public:
    /// Throws Error, with the path as its file, when there is no regular file that can be read.
    explicit InputFile(std::filesystem::path path);

    const std::filesystem::path& path() const { return path_; }
    std::uint64_t size() const { return size_; }
    FileIdentity identity() const { return identity_; }

    /// Fills `bytes` from `offset` on. Any thread may call it.
    void read_at(std::uint64_t offset, std::span<std::byte> bytes) const;

    /// Tells the system that this range will be read soon.
    void will_need(std::uint64_t offset, std::uint64_t bytes) const;

    /// Throws Error when the file's size or time of change is no longer that of the opening.
    void check_unchanged() const;

 private:
    std::filesystem::path path_;
    Descriptor fd_;
    std::uint64_t size_ = 0;
    FileIdentity identity_;
    std::int64_t modified_ns_ = 0;
};

}  // namespace quantize::io

// A file that appears under its name only when it is complete: written as a temporary beside it,
// with its space reserved, and renamed at the end. What stood under the name stands until then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>

#include "io/interrupt.h"
#include "io/system.h"

namespace quantize::io {

/// Where writing to `path` would go: links are followed, so that a link stays one and its target is
/// replaced. Throws Error when a file cannot be put there: the folder does not exist or is not
/// writable, something other than a regular file has the name, the file is read-only, or it exists
/// and `overwrite` is false.
std::filesystem::path check_output_path(const std::filesystem::path& path, bool overwrite);

/// One output of a run, and its size.
struct PlannedOutput {
    std::filesystem::path path;
    std::uint64_t bytes = 0;
};

/// Throws Error when the file systems of the outputs do not have room for all of them at once.
void check_free_space(std::span<const PlannedOutput> outputs);

class OutputFile {
 public:
    /// Creates the temporary for `path` and reserves `bytes` for it. Temporaries that dead
    /// processes left in the folder are removed. Throws Error, with the path as its file.
    OutputFile(std::filesystem::path path, std::uint64_t bytes, bool overwrite = true);
    /// Removes the temporary unless commit() has been reached.
    ~OutputFile();
    OutputFile(OutputFile&&) = delete;

    const std::filesystem::path& path() const { return path_; }

    /// Writes all of `bytes` at `offset`. Any thread may call it, also for parts that touch.
    void write_at(std::uint64_t offset, std::span<const std::byte> bytes) const;
    /// Reads back what was written.
    void read_at(std::uint64_t offset, std::span<std::byte> bytes) const;

    /// Waits until the bytes are on the disk. commit() does it too; several outputs are better all
    /// synced before the first one is renamed.
    void sync();
    /// Gives the file its name: syncs, renames, and syncs the folder.
    void commit();

 private:
    [[noreturn]] void fail(const char* doing, int error_number) const;
    void reserve(std::uint64_t bytes) const;
    void keep_permissions() const;

    std::filesystem::path path_;    ///< as given, for messages
    std::filesystem::path target_;  ///< absolute, links followed
    std::filesystem::path temporary_;
    Descriptor fd_;
    RegisteredTemporary registered_;
    bool overwrite_;
    bool synced_ = false;
    bool committed_ = false;
};

}  // namespace quantize::io

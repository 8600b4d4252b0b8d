// A file that appears under its name only when it is complete: written as a temporary beside it,
// with its space reserved, and renamed at the end. What stood under the name stands until then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
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

    /// Waits until the bytes are on the disk.
    void sync();
    /// Gives the file its name: syncs, renames, and syncs the folder.
    void commit();

 private:
    friend void commit_together(std::span<const std::unique_ptr<OutputFile>> files);

    /// Gives the file its name, and keeps what had it before under the temporary's, where the file
    /// system can exchange names.
    void place();
    /// Undoes place(); false when what was replaced is gone.
    bool take_back() noexcept;
    /// After place(): removes what was replaced and syncs the folder.
    void settle();
    void rename_over();
    void sync_folder() const;
    [[noreturn]] void fail(const char* doing, int error_number) const;
    void reserve(std::uint64_t bytes);
    void set_size(std::uint64_t bytes) const;
    void keep_permissions() const;

    std::filesystem::path path_;    ///< as given, for messages
    std::filesystem::path target_;  ///< absolute, links followed
    std::filesystem::path temporary_;
    Descriptor fd_;
    RegisteredTemporary registered_;
    bool overwrite_;
    std::uint64_t size_to_set_ = 0;  ///< when the file ends; 0 where its space was reserved
    bool synced_ = false;
    /// What stands under the two names.
    enum class State {
        written,    ///< the new file is the temporary
        placed,     ///< the new file has its name; there is no temporary
        exchanged,  ///< the new file has its name, the older one is the temporary
    };
    State state_ = State::written;
    bool replaced_ = false;  ///< place() had to let go of an older file
};

/// Gives several files, such as the shards of a model, their names: all of them are synced first,
/// and when one cannot be given its name the earlier ones are taken back, so that every name again
/// has what it had. Throws Error that names the file at fault.
void commit_together(std::span<const std::unique_ptr<OutputFile>> files);

}  // namespace quantize::io

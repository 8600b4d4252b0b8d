// Writing a file so that nothing is lost: reserve, write, sync, rename, sync the folder, in this
// order.
#include "io/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <string>

#include "io/temporary.h"
#include "quantize/error.h"

namespace quantize::io {
namespace {

namespace fs = std::filesystem;

/// Links to links that are followed before it counts as a loop, as in the kernel.
constexpr int max_links = 40;

/// Bytes for one call: the kernel takes a little under 2 GiB, and the stop flag waits for the call.
constexpr std::size_t max_bytes_per_write = std::size_t{64} << 20;

/// Follows symbolic links of the last component, also one that leads to nothing yet.
fs::path follow_links(fs::path path) {
    for (int i = 0; i < max_links; ++i) {
        std::error_code error;
        if (!fs::is_symlink(fs::symlink_status(path, error))) return path;
        const fs::path link = fs::read_symlink(path, error);
        if (error) throw Error("cannot read the link: " + error.message());
        path = link.is_absolute() ? link : path.parent_path() / link;
    }
    throw Error("cannot follow: too many links");
}

void check_folder(const fs::path& folder) {
    struct stat status {};
    if (::stat(folder.c_str(), &status) != 0) {
        throw Error("cannot write: its folder " + printable(folder.string()) + ": " +
                    system_message(errno) + "; create it or choose another");
    }
    if (!S_ISDIR(status.st_mode)) {
        throw Error("cannot write: " + printable(folder.string()) +
                    " is not a folder; choose another path");
    }
    if (::access(folder.c_str(), W_OK | X_OK) != 0) {
        throw Error("cannot write: its folder " + printable(folder.string()) + ": " +
                    system_message(errno) + "; choose another or change its permissions");
    }
}

void check_existing(const fs::path& target, bool overwrite) {
    struct stat status {};
    if (::stat(target.c_str(), &status) != 0) {
        if (errno == ENOENT) return;
        throw Error("cannot write: " + system_message(errno));
    }
    if (S_ISDIR(status.st_mode))
        throw Error("cannot write: is a directory, not a file; add a name");
    if (!S_ISREG(status.st_mode)) {
        throw Error(
            "cannot write: not a regular file; name one, or use --dry-run to see what would be "
            "written");
    }
    if (!overwrite) {
        throw Error(
            "cannot write: the file exists and is not to be overwritten; remove it or choose "
            "another name");
    }
    if (::access(target.c_str(), W_OK) != 0) {
        throw Error(
            "cannot write: the file exists and is read-only; remove it or choose another name");
    }
}

std::string size_text(std::uint64_t bytes) {
    constexpr std::uint64_t mib = std::uint64_t{1} << 20;
    return bytes < 10 * mib ? std::to_string(bytes) + " bytes"
                            : std::to_string(bytes / mib) + " MiB";
}

fs::path folder_of(const fs::path& path) {
    return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

}  // namespace

fs::path check_output_path(const fs::path& path, bool overwrite) {
    return with_file_context(path.string(), [&] {
        if (path.empty()) throw Error("cannot write: the name of the output is empty; give one");
        if (!path.has_filename()) {
            throw Error("cannot write: is a directory, not a file; add a name");
        }
        std::error_code error;
        fs::path target = fs::absolute(follow_links(path), error);
        if (error) throw Error("cannot write: the current folder: " + error.message());
        check_folder(folder_of(target));
        check_existing(target, overwrite);
        return target;
    });
}

void check_free_space(std::span<const PlannedOutput> outputs) {
    struct Need {
        const fs::path* first_path;
        std::uint64_t bytes;
    };
    std::map<dev_t, Need> needs;
    for (const PlannedOutput& output : outputs) {
        const auto identity_of = [](const fs::path& folder) {
            struct stat status {};
            return ::stat(folder.c_str(), &status) == 0 ? status.st_dev : dev_t{};
        };
        const dev_t device = identity_of(folder_of(follow_links(output.path)));
        const auto [need, added] = needs.try_emplace(device, Need{&output.path, 0});
        need->second.bytes += output.bytes;
    }
    for (const auto& [device, need] : needs) {
        const fs::path folder = folder_of(follow_links(*need.first_path));
        std::uint64_t available = 0;
        if (system_calls().free_bytes(folder.c_str(), &available) != 0) continue;
        if (need.bytes > available) {
            throw Error("not enough space on the disk: " + size_text(need.bytes) + " are needed, " +
                        size_text(available) + " are free; make room or choose another folder")
                .in_file(need.first_path->string());
        }
    }
}

OutputFile::OutputFile(fs::path path, std::uint64_t bytes, bool overwrite)
    : path_(std::move(path)), overwrite_(overwrite) {
    target_ = check_output_path(path_, overwrite_);
    remove_stale_temporaries(folder_of(target_));
    with_file_context(path_.string(), [&] {
        Temporary temporary = create_temporary(target_);
        temporary_ = std::move(temporary.path);
        fd_ = std::move(temporary.fd);
    });
    try {
        registered_ = RegisteredTemporary(temporary_.string());
        keep_permissions();
        reserve(bytes);
    } catch (...) {
        ::unlink(temporary_.c_str());
        throw;
    }
}

OutputFile::~OutputFile() {
    if (state_ != State::placed) ::unlink(temporary_.c_str());
}

void OutputFile::fail(const char* doing, int error_number) const {
    std::string message = std::string("cannot ") + doing + ": " + system_message(error_number);
    if (error_number == ENOSPC || error_number == EDQUOT) {
        message += "; make room or choose another folder";
    } else if (error_number == EFBIG) {
        message += " (a limit of the process, see 'ulimit -f', or of the file system)";
    }
    throw Error(message).in_file(path_.string());
}

void OutputFile::reserve(std::uint64_t bytes) {
    if (bytes == 0) return;
    int result = 0;
    do {
        result = system_calls().preallocate(fd_.get(), static_cast<off_t>(bytes));
    } while (result != 0 && errno == EINTR && !stop_flag().load());
    if (result == 0) return;
    if (errno == EINTR) throw Error("interrupted", ErrorKind::interrupted);
    // No such service on this file system: full disks then show only while writing.
    const bool unsupported = errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;
    if (!unsupported) fail("reserve space", errno);
    // Whether a file may be so long shows at once. It gets its length at the end: tmpfs takes
    // longer to write within a file's length than beyond it.
    set_size(bytes);
    set_size(0);
    size_to_set_ = bytes;
}

void OutputFile::set_size(std::uint64_t bytes) const {
    if (system_calls().truncate(fd_.get(), static_cast<off_t>(bytes)) != 0) {
        fail("set the size", errno);
    }
}

/// A file that is replaced passes its permissions on; a new one has those of the umask.
void OutputFile::keep_permissions() const {
    struct stat status {};
    if (::stat(target_.c_str(), &status) != 0) return;
    // Where the file system has no permissions there is nothing to keep.
    static_cast<void>(::fchmod(fd_.get(), status.st_mode & 0777));
}

void OutputFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
        const ssize_t written = system_calls().pwrite(fd_.get(), bytes.data(),
                                                      std::min(bytes.size(), max_bytes_per_write),
                                                      static_cast<off_t>(offset));
        if (written < 0) {
            if (errno == EINTR) continue;
            fail("write", errno);
        }
        if (written == 0) fail("write", ENOSPC);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
        offset += static_cast<std::uint64_t>(written);
    }
}

void OutputFile::read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    while (!bytes.empty()) {
        const ssize_t got =
            system_calls().pread(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (got < 0) {
            if (errno == EINTR) continue;
            fail("read back", errno);
        }
        if (got == 0) fail("read back", EIO);
        bytes = bytes.subspan(static_cast<std::size_t>(got));
        offset += static_cast<std::uint64_t>(got);
    }
}

void OutputFile::sync() {
    if (size_to_set_ != 0) set_size(size_to_set_);
    while (system_calls().fsync(fd_.get()) != 0) {
        if (errno != EINTR) fail("write to the disk", errno);
    }
    synced_ = true;
}

void OutputFile::commit() {
    if (!synced_) sync();
    rename_over();
    registered_.release();
    sync_folder();
}

void OutputFile::rename_over() {
    const auto rename = overwrite_ ? system_calls().rename : system_calls().rename_new;
    if (rename(temporary_.c_str(), target_.c_str()) != 0) {
        if (!overwrite_ && errno == EEXIST) {
            throw Error("cannot write: another program has created the file meanwhile")
                .in_file(path_.string());
        }
        fail("give the file its name", errno);
    }
    state_ = State::placed;
}

void OutputFile::sync_folder() const {
    // The name is only safe on the disk when the folder is; folders that cannot be opened or synced
    // (some network file systems) leave that to the system.
    const Descriptor folder(::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (folder && system_calls().fsync(folder.get()) != 0 && errno != EINVAL && errno != EINTR) {
        fail("write its name to the disk", errno);
    }
}

void OutputFile::place() {
    if (overwrite_) {
        if (system_calls().exchange(temporary_.c_str(), target_.c_str()) == 0) {
            state_ = State::exchanged;
            return;
        }
        const bool nothing_there = errno == ENOENT;
        const bool unsupported = errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP;
        if (!nothing_there && !unsupported) fail("give the file its name", errno);
        replaced_ = !nothing_there && ::access(target_.c_str(), F_OK) == 0;
    }
    rename_over();
}

bool OutputFile::take_back() noexcept {
    if (state_ == State::written) return true;
    if (replaced_) return false;
    const auto undo =
        state_ == State::exchanged ? system_calls().exchange : system_calls().rename_new;
    if (undo(target_.c_str(), temporary_.c_str()) != 0) return false;
    state_ = State::written;
    return true;
}

void OutputFile::settle() {
    if (state_ == State::exchanged) ::unlink(temporary_.c_str());
    state_ = State::placed;
    registered_.release();
    sync_folder();
}

void commit_together(std::span<const std::unique_ptr<OutputFile>> files) {
    if (files.size() == 1) return files.front()->commit();
    for (const auto& file : files)
        if (!file->synced_) file->sync();
    std::size_t placed = 0;
    try {
        for (; placed < files.size(); ++placed)
            files[placed]->place();
    } catch (const Error& error) {
        std::size_t remaining = 0;
        while (placed-- > 0)
            remaining += files[placed]->take_back() ? 0 : 1;
        if (remaining == 0) throw;
        throw Error(error.message() + "; " + std::to_string(remaining) +
                    " of the other outputs could not be taken back and are new")
            .in_file(error.file());
    }
    for (const auto& file : files)
        file->settle();
}

}  // namespace quantize::io

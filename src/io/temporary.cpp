// Whose a temporary file is shows twice: by the process number in its name and by a lock on it. A
// killed process holds no lock, so what is unlocked and of a dead process can go.
#include "io/temporary.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <memory>
#include <random>
#include <vector>

#include "quantize/error.h"

namespace quantize::io {
namespace {

constexpr std::string_view suffix = ".quantize-tmp";
constexpr std::size_t random_digits = 8;
/// Longest name of a file on Linux's file systems.
constexpr std::size_t max_name_bytes = 255;
constexpr int creation_attempts = 100;
/// A process that lives may have created the file a moment ago and not locked it yet; after this
/// long, its number has been given to another process.
constexpr std::time_t grace_seconds = 60;

bool is_stale(const std::filesystem::path& path, long owner) {
    // Not through a link, and not waiting for a pipe.
    const Descriptor fd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    struct stat status {};
    if (!fd || ::fstat(fd.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return false;
    const bool owner_is_dead = ::kill(static_cast<pid_t>(owner), 0) != 0 && errno == ESRCH;
    return owner_is_dead || std::time(nullptr) - status.st_mtime > grace_seconds;
}

}  // namespace

std::string temporary_name(std::string_view target_name, long pid, std::uint32_t random) {
    std::string tail(1, '.');
    tail.append(std::to_string(pid)).append(1, '-');
    for (std::size_t i = random_digits; i-- > 0;) {
        tail += "0123456789abcdef"[(random >> (4 * i)) & 15u];
    }
    tail += suffix;
    std::string name(1, '.');
    return name.append(target_name.substr(0, max_name_bytes - 1 - tail.size())).append(tail);
}

std::optional<long> temporary_owner(std::string_view file_name) {
    if (!file_name.starts_with('.') || !file_name.ends_with(suffix)) return std::nullopt;
    file_name.remove_suffix(suffix.size());
    const std::size_t dash = file_name.rfind('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const std::string_view random = file_name.substr(dash + 1);
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (random.size() != random_digits || !std::ranges::all_of(random, is_hex)) return std::nullopt;
    file_name = file_name.substr(0, dash);
    const std::size_t dot = file_name.rfind('.');
    if (dot == std::string_view::npos || dot == 0) return std::nullopt;
    const std::string_view digits = file_name.substr(dot + 1);
    int pid = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
    if (error != std::errc{} || end != digits.data() + digits.size() || pid <= 0) {
        return std::nullopt;
    }
    return pid;
}

Temporary create_temporary(const std::filesystem::path& target) {
    std::random_device random;
    for (int attempt = 0; attempt < creation_attempts; ++attempt) {
        std::filesystem::path path =
            target.parent_path() / temporary_name(target.filename().string(), ::getpid(), random());
        // 0666: the process's umask decides, as for any new file.
        Descriptor fd(
            ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666));
        if (fd) {
            // A file system without locks leaves the process number as the only sign of life.
            ::flock(fd.get(), LOCK_EX | LOCK_NB);
            return {std::move(path), std::move(fd)};
        }
        if (errno != EEXIST) {
            throw Error("cannot create a file in its folder: " + system_message(errno));
        }
    }
    throw Error("cannot create a temporary file in its folder: every name exists");
}

void remove_stale_temporaries(const std::filesystem::path& folder) {
    // Not std::filesystem::directory_iterator, which ends the program when memory runs out.
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
    if (!entries) return;
    std::vector<std::filesystem::path> stale;
    while (const dirent* entry = ::readdir(entries.get())) {
        const auto owner = temporary_owner(entry->d_name);
        if (!owner) continue;
        std::filesystem::path path = folder / entry->d_name;
        if (is_stale(path, *owner)) stale.push_back(std::move(path));
    }
    for (const std::filesystem::path& path : stale)
        ::unlink(path.c_str());
}

}  // namespace quantize::io

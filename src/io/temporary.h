// Temporary files beside the file that they will become: names that tell whose they are, and the
// removal of those whose process died.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "io/system.h"

namespace quantize::io {

/// ".NAME.PID-XXXXXXXX.quantize-tmp": NAME is the target's (cut when too long for the file system),
/// PID the process that writes it.
std::string temporary_name(std::string_view target_name, long pid, std::uint32_t random);

/// The process that a temporary file of this name belongs to; nothing for other names.
std::optional<long> temporary_owner(std::string_view file_name);

struct Temporary {
    std::filesystem::path path;
    Descriptor fd;  ///< open for reading and writing, locked while its process lives
};

/// Creates a file of such a name in the target's folder.
Temporary create_temporary(const std::filesystem::path& target);

/// Removes the temporaries in `folder` whose process is gone. Files of live processes, and whatever
/// cannot be removed, stay.
void remove_stale_temporaries(const std::filesystem::path& folder);

}  // namespace quantize::io

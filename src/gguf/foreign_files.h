// Words for what turns up in place of a GGUF file or of a known tensor type, so that a message can
// say what the user probably did.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "quantize/gguf.h"

namespace quantize::gguf {

/// What a file that does not start with "GGUF" seems to be, and what to do about it.
std::string describe_foreign_file(std::span<const std::byte> file_start, std::uint64_t file_size);

/// What the number of a tensor type that the table does not have stands for.
std::string describe_unknown_type(std::uint32_t number);

}  // namespace quantize::gguf

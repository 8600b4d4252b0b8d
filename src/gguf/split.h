// Models in several files (shards): the names "prefix-00001-of-00003.gguf" and the keys that say
// which part a file is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "quantize/gguf.h"

namespace quantize::gguf {

/// Shards are counted in u16 keys.
inline constexpr std::uint32_t max_shards = 65535;

struct ShardName {
    std::string prefix;       ///< everything before "-00001-of-00003.gguf"
    std::uint32_t index = 0;  ///< from 0; the name counts from 1
    std::uint32_t count = 1;
};

/// "prefix-00001-of-00003.gguf" for index 0 of 3.
std::string shard_name(std::string_view prefix, std::uint32_t index, std::uint32_t count);

/// The parts of such a name (a path's last component or a whole path); nothing for other names.
std::optional<ShardName> parse_shard_name(std::string_view name);

/// What the keys split.no, split.count and split.tensors.count say.
struct ShardPosition {
    std::uint32_t index = 0;
    std::uint32_t count = 1;
    std::optional<std::uint64_t> tensors_in_all;
};

/// The shard's position; nothing when the file is a whole model (no split.count, or at most 1).
/// Throws Error when the keys are of the wrong kind, out of range, or incomplete.
std::optional<ShardPosition> shard_position(const Document& document);

/// Writes the three keys, with the types and in the order of llama.cpp.
void set_shard_position(Document& document, std::uint32_t index, std::uint32_t count,
                        std::uint64_t tensors_in_all);
/// Removes the three keys.
void erase_shard_position(Document& document);

}  // namespace quantize::gguf

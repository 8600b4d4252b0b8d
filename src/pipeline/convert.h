// One chunk's conversion: source blocks to binary32 to target blocks, with every check on the way.
// Pure: no files, no state but the scratch buffers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "pipeline/chunks.h"
#include "pipeline/scratch.h"
#include "quantize/format.h"
#include "quantize/gguf.h"

namespace quantize::pipeline {

/// What to do with a tensor.
struct Conversion {
    const gguf::TensorInfo* info = nullptr;  ///< of the source
    TensorType to = TensorType::F32;
    /// Null, or shape[0] weights for each of the shape[2] matrices, one after the other.
    const float* weights = nullptr;

    bool converts() const { return info->type != to; }
};

/// How the tensor may be cut without changing a byte of the result. With `weighted`, as if weights
/// were given, since they are loaded later.
Divisible divisible(const gguf::TensorInfo& info, TensorType to, bool weighted);

/// Converts elements chunk.begin to chunk.end, whose blocks are `source`, into `target`. A tensor
/// that keeps its type is only checked, and `target` may be empty. Throws Error, without naming
/// the tensor, for a value that is not finite and for one too large for the type. Returns the
/// first element, if any, that was too large and came out as nearly zero in a type for which this
/// is tolerated.
std::optional<std::uint64_t> convert(const Conversion& conversion, const Chunk& chunk,
                                     std::span<const std::byte> source, std::span<std::byte> target,
                                     Scratch& scratch);

/// Whether `target` may be `source` itself, which then takes half of the cache.
bool converts_in_place(TensorType from, TensorType to);

/// Decodes `elems` values of a type and throws Error, with row and column, for one that is not
/// finite. `first_elem` is the number of the first one in the tensor.
void decode_checked(const gguf::TensorInfo& info, std::uint64_t first_elem,
                    std::span<const std::byte> blocks, std::span<float> values);

/// Throws Error when one of the blocks has a scale that is not finite.
void check_blocks(const gguf::TensorInfo& info, std::uint64_t first_elem,
                  std::span<const std::byte> blocks);

/// "row 5, column 17"
std::string place_of(const gguf::TensorInfo& info, std::uint64_t elem);

/// Bytes that this many elements take in a type.
std::uint64_t bytes_of(TensorType type, std::uint64_t elems);

}  // namespace quantize::pipeline

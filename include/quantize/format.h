// How the weights of one tensor type are coded: rows of binary32 to blocks and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "quantize/tensor_type.h"

namespace quantize {

/// What a type makes of importance weights (one per column of the matrix).
enum class WeightUse {
    ignored,   ///< the bytes are the same with and without
    optional,  ///< used when given
    required,  ///< the reference cannot encode without them
};

/// One tensor type's code. Plain functions, no state: any thread may call any of them on any
/// rows. `rows` x `cols` floats lie row after row; `cols` is a multiple of the block size.
struct Format {
    TensorType type;
    WeightUse weight_use;
    /// True when, with importance weights, a row's blocks depend on the whole row (a mean over
    /// the row enters), so that a row must not be cut into pieces.
    bool couples_row;

    /// Encodes rows. `weights` is null or holds `cols` values, the same for every row.
    /// All values must be finite. Null for a type that can only be copied.
    void (*encode)(const float* values, std::int64_t rows, std::int64_t cols, const float* weights,
                   std::byte* blocks);
    /// Decodes `elems` values (a multiple of the block size).
    void (*decode)(const std::byte* blocks, std::int64_t elems, float* values);
    /// Index of the first of `block_count` blocks that holds a scale (or, for real types, a
    /// value) that is infinite or NaN; -1 when all are sound.
    std::int64_t (*find_bad_block)(const std::byte* blocks, std::int64_t block_count);

    /// How many values encode() is fastest with at a time: few enough for the nearest cache, unless
    /// it has to gather what is rare among them. Any number gives the same blocks.
    std::int64_t preferred_elems = std::int64_t{1} << 12;

    /// Encodes rows of F16 values to the same blocks by a shorter way, which does not lead over
    /// binary32 in memory; null where there is none. Returns the index of the first value that is
    /// infinite or NaN (then the blocks are of no use), -1 when there is none. `blocks` may be
    /// `halves` for a type of two bytes per value.
    std::int64_t (*encode_f16)(const std::byte* halves, std::int64_t rows, std::int64_t cols,
                               const float* weights, std::byte* blocks) = nullptr;
    /// True when no F16 is too large for the type: find_bad_block() finds nothing then.
    bool fits_f16 = false;
};

/// The code for `type`, or null for types that are only ever copied (integers, F64, ...).
const Format* find_format(TensorType type);

/// Checked front to Format::encode: throws Error when sizes do not fit, the type needs weights
/// and `weights` is empty, or a value is not finite.
void encode_rows(TensorType type, std::span<const float> values, std::int64_t cols,
                 std::span<const float> weights, std::span<std::byte> blocks);
/// Checked front to Format::decode: throws Error when sizes do not fit.
void decode_rows(TensorType type, std::span<const std::byte> blocks, std::span<float> values);

}  // namespace quantize

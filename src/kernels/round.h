// Encoding without a search: a block's scale follows from its extremes (or its mean), and every
// value is rounded to a level of that scale.
//
// All functions take `blocks` blocks of values one after the other and give one level per value
// and one F16 scale per block. How levels are packed is the formats' business.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quantize::kernels {

/// Scale max|x| / divisor; level = x / scale rounded, halves away from zero, plus offset.
struct AbsMaxSpec {
    int block_elems;  ///< a multiple of 32
    int divisor;
    int offset;
    /// The level of every value when the scale is so small that its inverse is infinite.
    int overflow_level;
};
void round_by_abs_max(const AbsMaxSpec& spec, const float* values, std::int64_t blocks,
                      std::int8_t* levels, std::uint16_t* scales);
/// The same for F16 values, without any alignment, in blocks of 32 and without offsets. Returns
/// whether all values are finite; if not, levels and scales are of no use.
[[nodiscard]] bool round_halves_by_abs_max(int divisor, const std::byte* halves,
                                           std::int64_t blocks, std::int8_t* levels,
                                           std::uint16_t* scales);

/// Blocks of 32, levels 0 .. 2^bits - 1 about the middle one: the scale takes the value of largest
/// magnitude (the first of several) to level 0; halves are rounded up.
void round_by_signed_max(int bits, const float* values, std::int64_t blocks, std::int8_t* levels,
                         std::uint16_t* scales);

/// Blocks of 32, levels 0 .. 2^bits - 1 from the smallest value to the largest.
void round_by_range(int bits, const float* values, std::int64_t blocks, std::int8_t* levels,
                    std::uint16_t* scales, std::uint16_t* mins);

/// Blocks of 128: the scale is the mean of |x|, the level 1 where x >= 0 and else 0.
void round_to_sign(const float* values, std::int64_t blocks, std::int8_t* levels,
                   std::uint16_t* scales);

}  // namespace quantize::kernels

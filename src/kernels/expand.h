// Decoding: levels and scales to values.
#pragma once

#include <array>
#include <cstdint>

namespace quantize::kernels {

/// values = level * scale, for `blocks` blocks of `block_elems` (a multiple of 16) with a scale
/// each.
void expand_levels(const std::int8_t* levels, const float* scales, std::int64_t blocks,
                   int block_elems, float* values);

/// values = level * scale + min.
void expand_levels(const std::int8_t* levels, const float* scales, const float* mins,
                   std::int64_t blocks, int block_elems, float* values);

/// Replaces codes 0 .. 15 by the points they stand for; `n` is a multiple of 16.
void look_up_points(const std::array<std::int8_t, 16>& points, std::int8_t* codes, std::int64_t n);

}  // namespace quantize::kernels

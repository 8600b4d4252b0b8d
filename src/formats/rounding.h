// Single scales: rounding, as the reference rounds them, and whether they are numbers.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "base/float16.h"

namespace quantize::formats {

/// Nearest integer, ties to even, for magnitudes below 2^22; beyond, and for infinity and NaN, it
/// wraps as the reference's does.
inline int nearest_int(float value) {
    const float shifted = value + 12582912.0f;
    return static_cast<int>(std::bit_cast<std::uint32_t>(shifted) & 0x007FFFFFu) - 0x00400000;
}

/// A scale as binary16. A NaN that sums have ended in gets the sign that x86 gives it, so that
/// other machines write the same bytes.
inline std::uint16_t scale_to_f16(float scale) {
    return std::isnan(scale) ? std::uint16_t{0xFE00} : f32_to_f16(scale);
}

/// How many of the scales are zero. Hardly one ever is, so that most of them are looked at for
/// nothing: std::count would take twice as long, for its counter's 64 bits.
inline int count_zeros(const float* scales, int count) {
    int zeros = 0;
    for (int j = 0; j < count; ++j)
        zeros += scales[j] == 0.0f ? 1 : 0;
    return zeros;
}

/// True for an F16 that is infinite or NaN.
inline bool is_bad_f16(std::uint16_t half) {
    return (half & 0x7C00u) == 0x7C00u;
}

}  // namespace quantize::formats

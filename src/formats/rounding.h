// Rounding of single scales, as the reference rounds them.
#pragma once

#include <bit>
#include <cstdint>

namespace quantize::formats {

/// Nearest integer, ties to even, for magnitudes below 2^22; beyond, and for infinity and NaN, it
/// wraps as the reference's does.
inline int nearest_int(float value) {
    const float shifted = value + 12582912.0f;
    return static_cast<int>(std::bit_cast<std::uint32_t>(shifted) & 0x007FFFFFu) - 0x00400000;
}

}  // namespace quantize::formats

// 4-bit floats (E2M1) under a shared scale: MXFP4 with a power of two for 32 values, NVFP4 with an
// 8-bit float for 16.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace quantize::kernels {

/// Twice the values of E2M1 by code; the scales below are halved to match.
inline constexpr std::array<std::int8_t, 16> e2m1_points{0, 1,  2,  3,  4,  6,  8,  12,
                                                         0, -1, -2, -3, -4, -6, -8, -12};

/// Half of 2^(exponent - 127), the scale that an E8M0 byte stands for.
inline constexpr float e8m0_half(std::uint8_t exponent) {
    return std::bit_cast<float>(exponent < 2 ? 0x00200000u << exponent
                                             : static_cast<std::uint32_t>(exponent - 1) << 23);
}

/// Half of the value of an unsigned E4M3 byte; the top bit is ignored, 0x7F stands for 0.
inline constexpr float ue4m3_half(std::uint8_t scale) {
    if (scale == 0x7F) return 0.0f;
    const std::uint32_t magnitude = scale & 0x7Fu;
    if (magnitude < 8) return static_cast<float>(magnitude) * 0x1p-10f;
    return std::bit_cast<float>((magnitude << 20) + (119u << 23));
}

/// The E8M0 byte for values up to `largest`: floor(log2(largest)) - 2 + 127, the low byte of it,
/// with log2 rounded to binary32 as C libraries do; 0 when `largest` is 0.
std::uint8_t e8m0_for(float largest);

/// Codes of E2M1 for blocks of 32 (MXFP4) or sub-blocks of 16 values (NVFP4), with their scales.
void encode_mxfp4(const float* values, std::int64_t blocks, std::int8_t* codes,
                  std::uint8_t* scales);
void encode_nvfp4(const float* values, std::int64_t sub_blocks, std::int8_t* codes,
                  std::uint8_t* scales);

}  // namespace quantize::kernels

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

/// ue4m3_half() of every byte.
inline constexpr std::array<float, 256> ue4m3_halves = [] {
    std::array<float, 256> values{};
    for (int byte = 0; byte < 256; ++byte) {
        values[byte] = ue4m3_half(static_cast<std::uint8_t>(byte));
    }
    return values;
}();

/// How many units in the last place below 2^k the binary32 logarithm already rounds up to k.
/// log2(2^k (1 - e)) is k - e / ln 2; that rounds to k when it is closer than half the spacing of
/// the floats just below k. The spacing depends on k alone: 2^-17 for 64 < k <= 128, and so on;
/// for negative k the neighbour lies on the far side of |k|.
constexpr std::uint32_t ulps_below(int k) {
    int binade = 0;  // the spacing is 2^(binade - 23)
    const int size = k > 0 ? k - 1 : -k;
    while ((size >> (binade + 1)) != 0)
        ++binade;
    // 2^24 units in 2^k, times ln 2, times half of 2^(binade - 23). Below 2, where `binade` would
    // be negative, the result is 0 all the same.
    return static_cast<std::uint32_t>(0.693147180559945309 * (1 << binade));
}

/// By biased exponent of a normal number: ulps_below() the next power of two.
inline constexpr std::array<std::uint8_t, 255> round_up_table = [] {
    std::array<std::uint8_t, 255> table{};
    for (int exponent = 1; exponent < 255; ++exponent) {
        table[exponent] = static_cast<std::uint8_t>(ulps_below(exponent - 126));
    }
    return table;
}();

/// The E8M0 byte for values up to `largest`: the low byte of floor(log2(largest)) - 2 + 127, with
/// the logarithm rounded to binary32 as the reference's C library does; 0 when `largest` is 0.
inline std::uint8_t e8m0_for(float largest) {
    std::uint32_t bits = std::bit_cast<std::uint32_t>(largest);
    if (!(largest > 0) || bits >= 0x7F800000u) return 0;
    if (bits < 0x00800000u) {
        // Subnormal: normalised for the purpose.
        bits = std::bit_cast<std::uint32_t>(largest * 0x1p24f);
        const std::uint32_t ulps = ulps_below(static_cast<int>(bits >> 23) - 24 - 126);
        return static_cast<std::uint8_t>(((bits + ulps) >> 23) - 24 - 2);
    }
    return static_cast<std::uint8_t>(((bits + round_up_table[bits >> 23]) >> 23) - 2);
}

/// Codes of E2M1 for blocks of 32 (MXFP4) or sub-blocks of 16 values (NVFP4), with their scales.
void encode_mxfp4(const float* values, std::int64_t blocks, std::int8_t* codes,
                  std::uint8_t* scales);
void encode_nvfp4(const float* values, std::int64_t sub_blocks, std::int8_t* codes,
                  std::uint8_t* scales);

}  // namespace quantize::kernels

// How the K-quants pack levels (by the planes of packing.h) and scales into bytes, each packer
// beside its inverse. Levels come one per byte; what a packer does not store it ignores.
#pragma once

#include <cstdint>

#include "formats/k_blocks.h"
#include "formats/packing.h"

namespace quantize::formats {

/// Low nibbles of two runs of `half` levels share bytes: the first run low, the second high.
template <int half>
void pack_nibbles(const std::uint8_t* levels, std::uint8_t* out) {
    for (int start = 0; start < super_block_elems; start += 2 * half)
        pack_planes<4, half>(levels + start, out + start / 2);
}
template <int half>
void unpack_nibbles(const std::uint8_t* in, std::int8_t* levels) {
    for (int start = 0; start < super_block_elems; start += 2 * half)
        unpack_planes<4, half>(in + start / 2, levels + start);
}

/// Two bits (from `shift` on) of four runs of 32 levels share 32 bytes, the first run lowest.
template <int shift>
void pack_pairs(const std::uint8_t* levels, std::uint8_t* out) {
    for (int start = 0; start < super_block_elems; start += 128)
        pack_planes<2, 32, shift>(levels + start, out + start / 4);
}
/// With a shift, the two bits join what `levels` holds.
template <int shift>
void unpack_pairs(const std::uint8_t* in, std::int8_t* levels) {
    for (int start = 0; start < super_block_elems; start += 128)
        unpack_planes<2, 32, shift>(in + start / 4, levels + start);
}

/// Eight scales and eight mins of 6 bits in 12 bytes. A byte above 63, which the reference's
/// wrapped scales can be, spills as it does there.
inline void pack_scales_and_mins(const std::uint8_t* scales, const std::uint8_t* mins,
                                 std::uint8_t* out) {
    for (int j = 0; j < 4; ++j) {
        const std::uint8_t high_scale = scales[j + 4];
        const std::uint8_t high_min = mins[j + 4];
        out[j] = static_cast<std::uint8_t>(scales[j] | (high_scale >> 4) << 6);
        out[j + 4] = static_cast<std::uint8_t>(mins[j] | (high_min >> 4) << 6);
        out[j + 8] = static_cast<std::uint8_t>((high_scale & 15) | (high_min & 15) << 4);
    }
}
inline void unpack_scales_and_mins(const std::uint8_t* in, std::uint8_t* scales,
                                   std::uint8_t* mins) {
    for (int j = 0; j < 4; ++j) {
        scales[j] = in[j] & 63;
        mins[j] = in[j + 4] & 63;
        scales[j + 4] = static_cast<std::uint8_t>((in[j + 8] & 15) | (in[j] >> 6) << 4);
        mins[j + 4] = static_cast<std::uint8_t>((in[j + 8] >> 4) | (in[j + 4] >> 6) << 4);
    }
}

/// Sixteen scales of 6 bits in 12 bytes: nibbles first, then the upper two bits of each.
inline void pack_scales(const std::uint8_t* scales, std::uint8_t* out) {
    for (int j = 0; j < 8; ++j) {
        out[j] = static_cast<std::uint8_t>((scales[j] & 15) | (scales[j + 8] & 15) << 4);
    }
    for (int j = 0; j < 4; ++j) {
        out[j + 8] = static_cast<std::uint8_t>(scales[j] >> 4 | scales[j + 4] >> 4 << 2 |
                                               scales[j + 8] >> 4 << 4 | scales[j + 12] >> 4 << 6);
    }
}
inline void unpack_scales(const std::uint8_t* in, std::uint8_t* scales) {
    for (int j = 0; j < 16; ++j) {
        const int low = j < 8 ? in[j] & 15 : in[j - 8] >> 4;
        const int high = in[8 + j % 4] >> (2 * (j / 4)) & 3;
        scales[j] = static_cast<std::uint8_t>(low | high << 4);
    }
}

}  // namespace quantize::formats

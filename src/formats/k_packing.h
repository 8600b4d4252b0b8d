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
    const auto high_scales = load<std::uint32_t>(scales + 4);
    const auto high_mins = load<std::uint32_t>(mins + 4);
    store(load<std::uint32_t>(scales) | (high_scales & 0x30303030u) << 2, out);
    store(load<std::uint32_t>(mins) | (high_mins & 0x30303030u) << 2, out + 4);
    store((high_scales & 0x0F0F0F0Fu) | (high_mins & 0x0F0F0F0Fu) << 4, out + 8);
}
inline void unpack_scales_and_mins(const std::uint8_t* in, std::uint8_t* scales,
                                   std::uint8_t* mins) {
    const auto scale_word = load<std::uint32_t>(in);
    const auto min_word = load<std::uint32_t>(in + 4);
    const auto low_nibbles = load<std::uint32_t>(in + 8);
    store(scale_word & 0x3F3F3F3Fu, scales);
    store(min_word & 0x3F3F3F3Fu, mins);
    store((low_nibbles & 0x0F0F0F0Fu) | (scale_word >> 2 & 0x30303030u), scales + 4);
    store((low_nibbles >> 4 & 0x0F0F0F0Fu) | (min_word >> 2 & 0x30303030u), mins + 4);
}

/// Sixteen scales of 6 bits in 12 bytes: nibbles first, then the upper two bits of each.
inline void pack_scales(const std::uint8_t* scales, std::uint8_t* out) {
    pack_planes<4, 8>(scales, out);
    std::uint32_t upper_pairs = 0;
    for (int j = 0; j < 4; ++j)
        upper_pairs |= (load<std::uint32_t>(scales + 4 * j) >> 4 & 0x03030303u) << (2 * j);
    store(upper_pairs, out + 8);
}
inline void unpack_scales(const std::uint8_t* in, std::uint8_t* scales) {
    unpack_planes<4, 8>(in, scales);
    for (int j = 0; j < 4; ++j) {
        const auto low_nibbles = load<std::uint32_t>(scales + 4 * j);
        const auto upper_pairs = load<std::uint32_t>(in + 8) >> (2 * j) & 0x03030303u;
        store(low_nibbles | upper_pairs << 4, scales + 4 * j);
    }
}

}  // namespace quantize::formats

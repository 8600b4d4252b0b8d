// The blocks of IQ1_S and IQ1_M as they lie in files, and their fields.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/ternary.h"

namespace quantize::formats {

inline constexpr std::size_t ternary_super_elems = 256;
inline constexpr std::size_t groups_per_block = ternary_super_elems / kernels::ternary_group;

struct SBlock {
    std::uint16_t scale;
    std::uint8_t low[groups_per_block];  ///< bits 0 to 7 of the points' indices
    std::uint16_t high[8];  ///< bits 8 to 10 of four indices, 3 bits of scale, 1 of shift
};
static_assert(sizeof(SBlock) == 50);

struct MBlock {
    std::uint8_t low[groups_per_block];       ///< bits 0 to 7 of the points' indices
    std::uint8_t high[groups_per_block / 2];  ///< per group bits 8 to 10 and the shift
    std::uint16_t scales[4];                  ///< four 3-bit scales and 4 bits of the block's scale
};
static_assert(sizeof(MBlock) == 56);

inline void put_scale(SBlock& block, std::uint16_t scale) {
    block.scale = scale;
}
inline std::uint16_t get_scale(const SBlock& block) {
    return block.scale;
}

inline void put_scale(MBlock& block, std::uint16_t scale) {
    for (unsigned i = 0; i < 4; ++i) {
        block.scales[i] |= static_cast<std::uint16_t>((scale >> (4 * i) & 15u) << 12);
    }
}
inline std::uint16_t get_scale(const MBlock& block) {
    unsigned scale = 0;
    for (unsigned i = 0; i < 4; ++i)
        scale |= (block.scales[i] >> 12u) << (4 * i);
    return static_cast<std::uint16_t>(scale);
}

/// What group `group` of a block decodes from.
struct GroupFields {
    unsigned point;
    unsigned multiple;
    bool minus;
};

inline GroupFields get_group(const SBlock& block, std::size_t group) {
    const unsigned high = block.high[group / 4];
    return {block.low[group] | (high >> (3 * (group % 4)) & 7u) << 8, high >> 12 & 7u,
            (high & 0x8000u) != 0};
}

inline GroupFields get_group(const MBlock& block, std::size_t group) {
    const std::size_t sub = group / 2;
    const unsigned high = block.high[sub] >> (4 * (group % 2)) & 15u;
    return {block.low[group] | (high & 7u) << 8,
            static_cast<unsigned>(block.scales[sub / 4]) >> (3 * (sub % 4)) & 7u, (high & 8u) != 0};
}

}  // namespace quantize::formats

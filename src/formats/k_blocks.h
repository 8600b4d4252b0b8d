// Layouts of the K-quants' super-blocks: 256 weights in sub-blocks of 16 or 32, each with its own
// small integer scale (and min), under one or two F16 factors.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quantize/tensor_type.h"

namespace quantize::formats {

inline constexpr int super_block_elems = 256;

struct BlockQ2K {
    std::uint8_t scales[16];  ///< scale in the low, min in the high nibble
    std::uint8_t levels[64];  ///< 2 bits
    std::uint16_t d;
    std::uint16_t dmin;
};

struct BlockQ3K {
    std::uint8_t high_bits[32];  ///< bit 2 of the levels
    std::uint8_t levels[64];     ///< bits 0 and 1
    std::uint8_t scales[12];     ///< 6 bits each, 32 added
    std::uint16_t d;
};

struct BlockQ4K {
    std::uint16_t d;
    std::uint16_t dmin;
    std::uint8_t scales[12];  ///< scales and mins, 6 bits each
    std::uint8_t levels[128];
};

struct BlockQ5K {
    std::uint16_t d;
    std::uint16_t dmin;
    std::uint8_t scales[12];
    std::uint8_t high_bits[32];  ///< bit 4 of the levels
    std::uint8_t levels[128];
};

struct BlockQ6K {
    std::uint8_t levels[128];     ///< bits 0 to 3
    std::uint8_t high_pairs[64];  ///< bits 4 and 5
    std::int8_t scales[16];
    std::uint16_t d;
};

static_assert(sizeof(BlockQ2K) == type_info(TensorType::Q2_K).block_bytes);
static_assert(sizeof(BlockQ3K) == type_info(TensorType::Q3_K).block_bytes);
static_assert(sizeof(BlockQ4K) == type_info(TensorType::Q4_K).block_bytes);
static_assert(sizeof(BlockQ5K) == type_info(TensorType::Q5_K).block_bytes);
static_assert(sizeof(BlockQ6K) == type_info(TensorType::Q6_K).block_bytes);

/// The rows of an encode call cut into groups of super-blocks that share a workspace. Sixteen would
/// stay in the nearest cache; in four times as many, Q3_K finds enough sub-blocks that need its
/// descent's later rounds to fill vectors.
inline constexpr int group_super_blocks = 64;
inline constexpr std::int64_t group_elems = std::int64_t{group_super_blocks} * super_block_elems;

}  // namespace quantize::formats

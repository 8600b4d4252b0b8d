// Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0: blocks of 32 weights.
//
//   Q4_0  F16 scale |                     16 bytes nibbles   weight = scale * (level - 8)
//   Q4_1  F16 scale | F16 min |           16 bytes nibbles   weight = scale * level + min
//   Q5_0  F16 scale | 4 bytes fifth bits | 16 bytes nibbles   weight = scale * (level - 16)
//   Q5_1  F16 scale | F16 min | 4 bytes fifth bits | 16 bytes nibbles
//   Q8_0  F16 scale | 32 bytes levels                        weight = scale * level
#include <array>

#include "base/float16.h"
#include "formats/either_form.h"
#include "formats/families.h"
#include "formats/legacy_layout.h"
#include "formats/legacy_weighted.h"
#include "formats/tiles.h"
#include "kernels/bits.h"
#include "kernels/expand.h"
#include "kernels/round.h"
#include "kernels/rows.h"

namespace quantize::formats {
namespace {

using namespace legacy;

constexpr int tile_blocks = tile_elems / block_elems;

/// Four bytes for each block of a tile.
using FifthBits = std::array<std::uint8_t, tile_elems / 8>;

template <class L>
void encode_unweighted(const float* values, std::int64_t block_count, std::byte* blocks) {
    for_each_tile<block_elems>(block_count, [&](std::int64_t first, std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels;
        std::array<std::uint16_t, tile_blocks> scales;
        std::array<std::uint16_t, tile_blocks> mins;
        const float* const x = values + first * block_elems;
        if constexpr (L::has_min) {
            kernels::round_by_range(L::bits, x, count, levels.data(), scales.data(), mins.data());
        } else {
            kernels::round_by_signed_max(L::bits, x, count, levels.data(), scales.data());
        }
        pack<L, tile_blocks>(levels.data(), scales.data(), mins.data(), count,
                             blocks + first * L::block_bytes);
    });
}

/// F16 without weights goes by way of binary32, a tile at a time. Returns the index of the first
/// F16 that is not finite, -1 when there is none.
template <TensorType kType, class L>
std::int64_t encode(const kernels::StoredValues& values, std::int64_t rows, std::int64_t cols,
                    const float* weights, std::byte* blocks) {
    if (weights != nullptr) return encode_weighted(kType, values, rows, cols, weights, blocks);
    const std::int64_t elems = rows * cols;
    if (values.floats() != nullptr) {
        encode_unweighted<L>(values.floats(), elems / block_elems, blocks);
        return -1;
    }
    const auto* const halves = reinterpret_cast<const std::byte*>(values.halves());
    alignas(64) std::array<float, tile_elems> tile;
    for (std::int64_t first = 0; first < elems; first += tile_elems) {
        const std::int64_t count = std::min(tile_elems, elems - first);
        const std::int64_t bad =
            kernels::f16_to_f32_checked(halves + 2 * first, count, tile.data());
        if (bad >= 0) return first + bad;
        encode_unweighted<L>(tile.data(), count / block_elems,
                             blocks + first / block_elems * L::block_bytes);
    }
    return -1;
}

template <class L>
void decode(const std::byte* blocks, std::int64_t elems, float* values) {
    [[maybe_unused]] constexpr int middle = 1 << (L::bits - 1);
    for_each_tile<block_elems>(elems / block_elems, [&](std::int64_t first, std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels;
        [[maybe_unused]] FifthBits fifth_bits{};
        std::array<float, tile_blocks> scales;
        [[maybe_unused]] std::array<float, tile_blocks> mins;
        for (std::int64_t b = 0; b < count; ++b) {
            const std::byte* const block = blocks + (first + b) * L::block_bytes;
            std::int8_t* const level = levels.data() + b * block_elems;
            scales[b] = f16_to_f32(load<std::uint16_t>(block));
            if constexpr (L::has_min) mins[b] = f16_to_f32(load<std::uint16_t>(block + L::min_at));
            unpack_planes<4, 16>(block + L::nibbles_at, level);
            if constexpr (L::bits == 5) {
                std::memcpy(fifth_bits.data() + 4 * b, block + L::fifth_bits_at, 4);
            }
        }
        if constexpr (L::bits == 5) {
            kernels::spread_bits(fifth_bits.data(), count * block_elems, 4, levels.data());
        }
        if constexpr (!L::has_min) {
            for (std::int64_t i = 0; i < count * block_elems; ++i) {
                levels[i] = static_cast<std::int8_t>(levels[i] - middle);
            }
        }
        float* const x = values + first * block_elems;
        if constexpr (L::has_min) {
            kernels::expand_levels(levels.data(), scales.data(), mins.data(), count, block_elems,
                                   x);
        } else {
            kernels::expand_levels(levels.data(), scales.data(), count, block_elems, x);
        }
    });
}

template <class L>
constexpr auto find_bad = find_bad_scale<L::block_bytes, 0, L::has_min ? L::min_at : -1>;

constexpr int q8_0_bytes = type_info(TensorType::Q8_0).block_bytes;
constexpr int q8_0_highest = 127;

/// Encodes blocks of Q8_0, tile by tile: round(first block, block count, levels, scales) finds
/// levels and scales.
template <class Round>
void encode_q8_0_tiles(std::int64_t block_count, std::byte* blocks, const Round& round) {
    for_each_tile<block_elems>(block_count, [&](std::int64_t first, std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels;
        std::array<std::uint16_t, tile_blocks> scales;
        round(first, count, levels.data(), scales.data());
        for (std::int64_t b = 0; b < count; ++b) {
            std::byte* const block = blocks + (first + b) * q8_0_bytes;
            store(scales[b], block);
            std::memcpy(block + 2, levels.data() + b * block_elems, block_elems);
        }
    });
}

void encode_q8_0(const float* values, std::int64_t rows, std::int64_t cols, const float*,
                 std::byte* blocks) {
    encode_q8_0_tiles(
        rows * cols / block_elems, blocks,
        [&](std::int64_t first, std::int64_t count, std::int8_t* levels, std::uint16_t* scales) {
            kernels::round_by_abs_max({block_elems, q8_0_highest, 0, 0},
                                      values + first * block_elems, count, levels, scales);
        });
}

std::int64_t encode_q8_0_f16(const std::byte* halves, std::int64_t rows, std::int64_t cols,
                             const float*, std::byte* blocks) {
    const std::int64_t elems = rows * cols;
    bool all_finite = true;
    encode_q8_0_tiles(
        elems / block_elems, blocks,
        [&](std::int64_t first, std::int64_t count, std::int8_t* levels, std::uint16_t* scales) {
            all_finite &= kernels::round_halves_by_abs_max(
                q8_0_highest, halves + 2 * first * block_elems, count, levels, scales);
        });
    return all_finite ? -1 : kernels::find_non_finite_f16(halves, elems);
}

void decode_q8_0(const std::byte* blocks, std::int64_t elems, float* values) {
    for_each_tile<block_elems>(elems / block_elems, [&](std::int64_t first, std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels;
        std::array<float, tile_blocks> scales;
        for (std::int64_t b = 0; b < count; ++b) {
            const std::byte* const block = blocks + (first + b) * q8_0_bytes;
            scales[b] = f16_to_f32(load<std::uint16_t>(block));
            std::memcpy(levels.data() + b * block_elems, block + 2, block_elems);
        }
        kernels::expand_levels(levels.data(), scales.data(), count, block_elems,
                               values + first * block_elems);
    });
}

template <TensorType kType, class L>
constexpr Format format{
    .type = kType,
    .weight_use = WeightUse::optional,
    .couples_row = true,
    .encode = encode_floats<encode<kType, L>>,
    .decode = decode<L>,
    .find_bad_block = find_bad<L>,
    .encode_f16 = encode_halves<encode<kType, L>>,
};

}  // namespace

const Format q4_0 = format<TensorType::Q4_0, LayoutQ4_0>;
const Format q4_1 = format<TensorType::Q4_1, LayoutQ4_1>;
const Format q5_0 = format<TensorType::Q5_0, LayoutQ5_0>;
const Format q5_1 = format<TensorType::Q5_1, LayoutQ5_1>;
const Format q8_0{
    .type = TensorType::Q8_0,
    .weight_use = WeightUse::ignored,
    .couples_row = false,
    .encode = encode_q8_0,
    .decode = decode_q8_0,
    .find_bad_block = find_bad_scale<q8_0_bytes, 0>,
    .encode_f16 = encode_q8_0_f16,
    .fits_f16 = true,
};

}  // namespace quantize::formats

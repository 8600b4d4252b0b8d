// MXFP4 and NVFP4: 4-bit floats (E2M1) in the planes of nibbles, under a shared scale.
//
//   MXFP4  1 byte E8M0 scale | 16 bytes nibbles          blocks of 32
//   NVFP4  4 bytes E4M3 scales | 4 times 8 bytes nibbles  blocks of 64: 4 sub-blocks of 16
#include <algorithm>
#include <array>
#include <cmath>

#include "formats/families.h"
#include "formats/tiles.h"
#include "kernels/expand.h"
#include "kernels/fp4.h"

namespace quantize::formats {
namespace {

constexpr int mxfp4_elems = 32;
constexpr int mxfp4_bytes = type_info(TensorType::MXFP4).block_bytes;

void encode_mxfp4(const float* values, std::int64_t rows, std::int64_t cols, const float*,
                  std::byte* blocks) {
    for_each_tile<mxfp4_elems>(
        rows * cols / mxfp4_elems, [&](std::int64_t first, std::int64_t count) {
            alignas(64) std::array<std::int8_t, tile_elems> codes;
            std::array<std::uint8_t, tile_elems / mxfp4_elems> scales;
            kernels::encode_mxfp4(values + first * mxfp4_elems, count, codes.data(), scales.data());
            for (std::int64_t b = 0; b < count; ++b) {
                std::byte* const block = blocks + (first + b) * mxfp4_bytes;
                block[0] = static_cast<std::byte>(scales[b]);
                pack_planes<4, 16>(codes.data() + b * mxfp4_elems, block + 1);
            }
        });
}

void decode_mxfp4(const std::byte* blocks, std::int64_t elems, float* values) {
    for_each_tile<mxfp4_elems>(elems / mxfp4_elems, [&](std::int64_t first, std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels;
        std::array<float, tile_elems / mxfp4_elems> scales;
        for (std::int64_t b = 0; b < count; ++b) {
            const std::byte* const block = blocks + (first + b) * mxfp4_bytes;
            scales[b] = kernels::e8m0_half(std::to_integer<std::uint8_t>(block[0]));
            unpack_planes<4, 16>(block + 1, levels.data() + b * mxfp4_elems);
        }
        kernels::look_up_points(kernels::e2m1_points, levels.data(), count * mxfp4_elems);
        kernels::expand_levels(levels.data(), scales.data(), count, mxfp4_elems,
                               values + first * mxfp4_elems);
    });
}

/// An exponent of all ones is the NaN of E8M0; with the two below it, the larger levels overflow.
std::int64_t find_bad_mxfp4(const std::byte* blocks, std::int64_t block_count) {
    constexpr std::byte largest_safe{0xFC};
    for (std::int64_t b = 0; b < block_count; ++b) {
        const std::byte* const block = blocks + b * mxfp4_bytes;
        if (block[0] <= largest_safe) continue;
        if (block[0] == std::byte{0xFF}) return b;
        std::array<float, mxfp4_elems> values;
        decode_mxfp4(block, mxfp4_elems, values.data());
        if (!std::ranges::all_of(values, [](float value) { return std::isfinite(value); })) {
            return b;
        }
    }
    return -1;
}

constexpr int nvfp4_elems = 64;
constexpr int nvfp4_subs = 4;
constexpr int nvfp4_sub_elems = nvfp4_elems / nvfp4_subs;
constexpr int nvfp4_bytes = type_info(TensorType::NVFP4).block_bytes;

void encode_nvfp4(const float* values, std::int64_t rows, std::int64_t cols, const float*,
                  std::byte* blocks) {
    for_each_tile<nvfp4_elems>(
        rows * cols / nvfp4_elems, [&](std::int64_t first, std::int64_t count) {
            alignas(64) std::array<std::int8_t, tile_elems> codes;
            std::array<std::uint8_t, tile_elems / nvfp4_sub_elems> scales;
            kernels::encode_nvfp4(values + first * nvfp4_elems, count * nvfp4_subs, codes.data(),
                                  scales.data());
            for (std::int64_t b = 0; b < count; ++b) {
                std::byte* const block = blocks + (first + b) * nvfp4_bytes;
                std::memcpy(block, scales.data() + b * nvfp4_subs, nvfp4_subs);
                for (int sub = 0; sub < nvfp4_subs; ++sub) {
                    pack_planes<4, 8>(codes.data() + b * nvfp4_elems + sub * nvfp4_sub_elems,
                                      block + nvfp4_subs + sub * nvfp4_sub_elems / 2);
                }
            }
        });
}

void decode_nvfp4(const std::byte* blocks, std::int64_t elems, float* values) {
    for_each_tile<nvfp4_elems>(elems / nvfp4_elems, [&](std::int64_t first, std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels;
        std::array<float, tile_elems / nvfp4_sub_elems> scales;
        for (std::int64_t b = 0; b < count; ++b) {
            const std::byte* const block = blocks + (first + b) * nvfp4_bytes;
            for (int sub = 0; sub < nvfp4_subs; ++sub) {
                scales[b * nvfp4_subs + sub] =
                    kernels::ue4m3_halves[std::to_integer<std::uint8_t>(block[sub])];
                unpack_planes<4, 8>(block + nvfp4_subs + sub * nvfp4_sub_elems / 2,
                                    levels.data() + b * nvfp4_elems + sub * nvfp4_sub_elems);
            }
        }
        kernels::look_up_points(kernels::e2m1_points, levels.data(), count * nvfp4_elems);
        kernels::expand_levels(levels.data(), scales.data(), count * nvfp4_subs, nvfp4_sub_elems,
                               values + first * nvfp4_elems);
    });
}

/// Every byte is a finite scale.
std::int64_t find_bad_nvfp4(const std::byte*, std::int64_t) {
    return -1;
}

}  // namespace

const Format mxfp4{TensorType::MXFP4, WeightUse::ignored, false,
                   encode_mxfp4,      decode_mxfp4,       find_bad_mxfp4};
const Format nvfp4{TensorType::NVFP4, WeightUse::ignored, false,
                   encode_nvfp4,      decode_nvfp4,       find_bad_nvfp4};

}  // namespace quantize::formats

// How Q4_0, Q4_1, Q5_0 and Q5_1 lie in a file, and the packing of levels into their blocks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "formats/packing.h"
#include "kernels/bits.h"
#include "quantize/tensor_type.h"

namespace quantize::formats::legacy {

inline constexpr int block_elems = 32;

/// One of the four types with 4 or 5 bits: where its parts lie.
template <int kBits, bool kHasMin>
struct Layout {
    static constexpr int bits = kBits;
    static constexpr bool has_min = kHasMin;
    static constexpr int min_at = 2;
    static constexpr int fifth_bits_at = kHasMin ? 4 : 2;
    static constexpr int nibbles_at = fifth_bits_at + (kBits == 5 ? 4 : 0);
    static constexpr int block_bytes = nibbles_at + block_elems / 2;
};

using LayoutQ4_0 = Layout<4, false>;
using LayoutQ4_1 = Layout<4, true>;
using LayoutQ5_0 = Layout<5, false>;
using LayoutQ5_1 = Layout<5, true>;
static_assert(LayoutQ4_0::block_bytes == type_info(TensorType::Q4_0).block_bytes);
static_assert(LayoutQ4_1::block_bytes == type_info(TensorType::Q4_1).block_bytes);
static_assert(LayoutQ5_0::block_bytes == type_info(TensorType::Q5_0).block_bytes);
static_assert(LayoutQ5_1::block_bytes == type_info(TensorType::Q5_1).block_bytes);

/// Levels of up to kMostBlocks blocks, with F16 scales and, where the type has them, mins.
template <class L, int kMostBlocks>
void pack(const std::int8_t* levels, const std::uint16_t* scales, const std::uint16_t* mins,
          std::int64_t count, std::byte* blocks) {
    [[maybe_unused]] std::array<std::uint8_t, kMostBlocks * block_elems / 8> fifth_bits;
    if constexpr (L::bits == 5) {
        kernels::gather_bits(levels, count * block_elems, 4, fifth_bits.data());
    }
    for (std::int64_t b = 0; b < count; ++b) {
        std::byte* const block = blocks + b * L::block_bytes;
        store(scales[b], block);
        if constexpr (L::has_min) store(mins[b], block + L::min_at);
        if constexpr (L::bits == 5) {
            std::memcpy(block + L::fifth_bits_at, fifth_bits.data() + 4 * b, 4);
        }
        pack_planes<4, 16>(levels + b * block_elems, block + L::nibbles_at);
    }
}

}  // namespace quantize::formats::legacy

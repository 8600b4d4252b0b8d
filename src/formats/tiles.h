// Cuts a long run of blocks into tiles whose levels stay in the first-level cache, and finds
// blocks whose scales are not finite.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "formats/packing.h"
#include "formats/rounding.h"

namespace quantize::formats {

/// Weights in a tile: their levels take 4 KiB, their values 16 KiB.
inline constexpr std::int64_t tile_elems = 4096;

/// Calls `body(first block, block count)` for tile after tile.
template <int kBlockElems, class Body>
inline void for_each_tile(std::int64_t blocks, const Body& body) {
    constexpr std::int64_t step = tile_elems / kBlockElems;
    for (std::int64_t first = 0; first < blocks; first += step) {
        body(first, std::min(step, blocks - first));
    }
}

/// First block whose F16 at byte offset kFirst (or kSecond, when not negative) is not finite.
template <int kBlockBytes, int kFirst, int kSecond = -1>
inline std::int64_t find_bad_scale(const std::byte* blocks, std::int64_t block_count) {
    for (std::int64_t b = 0; b < block_count; ++b) {
        const std::byte* const block = blocks + b * kBlockBytes;
        if (is_bad_f16(load<std::uint16_t>(block + kFirst))) return b;
        if constexpr (kSecond >= 0) {
            if (is_bad_f16(load<std::uint16_t>(block + kSecond))) return b;
        }
    }
    return -1;
}

}  // namespace quantize::formats

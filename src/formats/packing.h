// Levels to bits and back: how the small integers of a block are laid out in bytes. Each function
// stands beside its inverse. Levels are one per byte and handled eight at a time in a 64-bit word,
// which compilers widen to vectors where that helps.
//
// A "plane" layout puts levels far apart into one byte (byte m holds levels m, m + n, ...), an
// "adjacent" layout neighbours; in both the first level takes the lowest bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace quantize::formats {

inline std::uint64_t load_u64(const void* bytes) {
    std::uint64_t word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

inline void store_u64(std::uint64_t word, void* bytes) {
    std::memcpy(bytes, &word, sizeof word);
}

inline std::uint16_t load_u16(const std::byte* bytes) {
    std::uint16_t word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

inline void store_u16(std::uint16_t word, std::byte* bytes) {
    std::memcpy(bytes, &word, sizeof word);
}

/// 4-bit planes: byte m holds the low four bits of level m below those of level m + kBytes.
template <int kBytes>
inline void pack_nibbles(const std::int8_t* __restrict levels, std::byte* __restrict packed) {
    static_assert(kBytes % 8 == 0);
    constexpr std::uint64_t mask = 0x0F0F0F0F0F0F0F0Fu;
    for (int m = 0; m < kBytes; m += 8) {
        const std::uint64_t low = load_u64(levels + m) & mask;
        const std::uint64_t high = load_u64(levels + m + kBytes) & mask;
        store_u64(low | high << 4, packed + m);
    }
}

template <int kBytes>
inline void unpack_nibbles(const std::byte* __restrict packed, std::int8_t* __restrict levels) {
    static_assert(kBytes % 8 == 0);
    constexpr std::uint64_t mask = 0x0F0F0F0F0F0F0F0Fu;
    for (int m = 0; m < kBytes; m += 8) {
        const std::uint64_t word = load_u64(packed + m);
        store_u64(word & mask, levels + m);
        store_u64(word >> 4 & mask, levels + m + kBytes);
    }
}

/// 2-bit planes: byte m holds levels m, m + kBytes, m + 2 kBytes and m + 3 kBytes.
template <int kBytes>
inline void pack_crumbs(const std::int8_t* __restrict levels, std::byte* __restrict packed) {
    static_assert(kBytes % 8 == 0);
    for (int m = 0; m < kBytes; m += 8) {
        std::uint64_t word = 0;
        for (int plane = 0; plane < 4; ++plane) {
            word |= (load_u64(levels + m + plane * kBytes) & 0x0303030303030303u) << (2 * plane);
        }
        store_u64(word, packed + m);
    }
}

template <int kBytes>
inline void unpack_crumbs(const std::byte* __restrict packed, std::int8_t* __restrict levels) {
    static_assert(kBytes % 8 == 0);
    for (int m = 0; m < kBytes; m += 8) {
        const std::uint64_t word = load_u64(packed + m);
        for (int plane = 0; plane < 4; ++plane) {
            store_u64(word >> (2 * plane) & 0x0303030303030303u, levels + m + plane * kBytes);
        }
    }
}

/// 2-bit levels, adjacent: byte m holds levels 4 m to 4 m + 3. kBytes is even.
template <int kBytes>
inline void pack_adjacent_crumbs(const std::int8_t* __restrict levels,
                                 std::byte* __restrict packed) {
    static_assert(kBytes % 2 == 0);
    for (int m = 0; m < kBytes; m += 2) {
        const std::uint64_t spread = load_u64(levels + 4 * m) & 0x0303030303030303u;
        const std::uint64_t joined = spread | spread >> 6 | spread >> 12 | spread >> 18;
        packed[m] = static_cast<std::byte>(joined & 0xFFu);
        packed[m + 1] = static_cast<std::byte>(joined >> 32 & 0xFFu);
    }
}

template <int kBytes>
inline void unpack_adjacent_crumbs(const std::byte* __restrict packed,
                                   std::int8_t* __restrict levels) {
    static_assert(kBytes % 2 == 0);
    for (int m = 0; m < kBytes; m += 2) {
        const std::uint64_t joined = std::to_integer<std::uint64_t>(packed[m]) |
                                     std::to_integer<std::uint64_t>(packed[m + 1]) << 32;
        const std::uint64_t spread = joined | joined << 6 | joined << 12 | joined << 18;
        store_u64(spread & 0x0303030303030303u, levels + 4 * m);
    }
}

/// Trits (levels 0, 1, 2), kPlanes (at most 5) to a byte: level m of plane 0 is the most
/// significant of byte m, level m + kBytes the next. The number, below 3^5, is stored as a fraction
/// of 256 rounded up, so that multiplying by 3 brings one trit after the other out on top.
template <int kBytes, int kPlanes>
inline void pack_trits(const std::int8_t* __restrict levels, std::byte* __restrict packed) {
    static_assert(kPlanes <= 5);
    for (int m = 0; m < kBytes; ++m) {
        unsigned number = 0;
        for (int plane = 0; plane < 5; ++plane) {
            number *= 3;
            if (plane < kPlanes) number += static_cast<std::uint8_t>(levels[m + plane * kBytes]);
        }
        packed[m] = static_cast<std::byte>((number * 256 + 242) / 243);
    }
}

template <int kBytes, int kPlanes>
inline void unpack_trits(const std::byte* __restrict packed, std::int8_t* __restrict levels) {
    static_assert(kPlanes <= 5);
    for (int m = 0; m < kBytes; ++m)
        levels[m] = static_cast<std::int8_t>(packed[m]);
    for (int plane = 0; plane < kPlanes; ++plane) {
        for (int m = 0; m < kBytes; ++m) {
            // The byte of this plane lies where its trit goes; the next plane's is three times it.
            const std::uint8_t fraction = static_cast<std::uint8_t>(levels[m + plane * kBytes]);
            if (plane + 1 < kPlanes) {
                levels[m + (plane + 1) * kBytes] = static_cast<std::int8_t>(fraction * 3u);
            }
            levels[m + plane * kBytes] =
                static_cast<std::int8_t>((fraction >= 86) + (fraction >= 171));
        }
    }
}

}  // namespace quantize::formats

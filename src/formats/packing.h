// Levels to bits and back: how the small integers of a block are laid out in bytes. Each function
// stands beside its inverse. Levels are one per byte and handled sixteen or eight at a time, in a
// vector that every processor has (left to themselves, compilers widen the 64-bit words badly).
//
// A "plane" layout puts levels far apart into one byte (byte m holds levels m, m + n, ...), an
// "adjacent" layout neighbours; in both the first level takes the lowest bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace quantize::formats {

/// An integer of the file, which may lie at any address. (Files and machines are little-endian.)
template <class Integer>
Integer load(const void* bytes) {
    Integer word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
}

template <class Integer>
void store(Integer word, void* bytes) {
    std::memcpy(bytes, &word, sizeof word);
}

/// Sixteen levels where that divides kBytes, else eight.
using PairOfWords = std::uint64_t __attribute__((vector_size(16)));
template <int kBytes>
using LevelWord = std::conditional_t<kBytes % 16 == 0, PairOfWords, std::uint64_t>;

/// The lowest kBits of each byte of a word.
template <int kBits>
inline constexpr std::uint64_t plane_mask = 0x0101010101010101u * ((1u << kBits) - 1);

/// Planes: byte m holds kBits, from bit kShift on, of the levels m, m + kBytes, m + 2 kBytes, ...,
/// as many as fit.
template <int kBits, int kBytes, int kShift = 0, class Level, class Byte>
void pack_planes(const Level* __restrict levels, Byte* __restrict packed) {
    static_assert(kBytes % 8 == 0 && sizeof(Level) == 1 && sizeof(Byte) == 1);
    using Word = LevelWord<kBytes>;
    for (int m = 0; m < kBytes; m += int{sizeof(Word)}) {
        Word word{};
        for (int plane = 0; plane < 8 / kBits; ++plane) {
            const Word bits = load<Word>(levels + m + plane * kBytes) & plane_mask<kBits> << kShift;
            const int up = kBits * plane - kShift;
            word |= up >= 0 ? bits << up : bits >> -up;
        }
        store(word, packed + m);
    }
}

/// With kShift the bits join those that `levels` has below; else they replace what it has.
template <int kBits, int kBytes, int kShift = 0, class Level, class Byte>
void unpack_planes(const Byte* __restrict packed, Level* __restrict levels) {
    static_assert(kBytes % 8 == 0 && sizeof(Level) == 1 && sizeof(Byte) == 1);
    using Word = LevelWord<kBytes>;
    for (int m = 0; m < kBytes; m += int{sizeof(Word)}) {
        const Word word = load<Word>(packed + m);
        for (int plane = 0; plane < 8 / kBits; ++plane) {
            Level* const to = levels + m + plane * kBytes;
            Word level = (word >> (kBits * plane) & plane_mask<kBits>) << kShift;
            if (kShift > 0) level |= load<Word>(to);
            store(level, to);
        }
    }
}

/// 2-bit levels, adjacent: byte m holds levels 4 m to 4 m + 3. kBytes is even.
template <int kBytes>
inline void pack_adjacent_crumbs(const std::int8_t* __restrict levels,
                                 std::byte* __restrict packed) {
    static_assert(kBytes % 2 == 0);
    for (int m = 0; m < kBytes; m += 2) {
        const std::uint64_t spread = load<std::uint64_t>(levels + 4 * m) & 0x0303030303030303u;
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
        store(spread & 0x0303030303030303u, levels + 4 * m);
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

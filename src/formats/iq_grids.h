// The grids of the IQ1, IQ2 and IQ3 types, made ready for searching.
//
// A grid is a set of points; a point has 8 coordinates of 3 levels (IQ1, IQ2) or 4 coordinates of
// 8 levels (IQ3). Blocks store a point's index. An encoder rounds each coordinate to a level,
// which gives a code (below); the map says whether the grid has that point, and if not, which
// points of the grid lie nearest: these are its neighbours, and the encoder takes the one that
// fits the weights best.
//
// Codes: coordinate i has the weight levels^i, so a code is a number in base 3 or base 8.
// Words: a point as one 32-bit number, four bits per coordinate, first coordinate lowest. The four
// bits of coordinate i hold its level, plus 4 when the coordinates have 3 levels and i is odd.
// So the field of an odd coordinate can be told from that of the even one before it, and both can
// index one table of eight (kernels/lattice.h); `level_of` takes the level out.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/lattice.h"

namespace quantize::formats {

/// The neighbours of a point that is not on the grid: `count` entries of Grid::neighbours and
/// Grid::neighbour_words from `begin` on, nearest first, those at the same distance by index.
using kernels::neighbour_padding;
using kernels::NeighbourList;

struct Grid {
    unsigned dims = 0;    ///< coordinates of a point: 8 or 4
    unsigned levels = 0;  ///< levels of a coordinate: 3 or 8

    /// For each point: its word.
    std::vector<std::uint32_t> words;
    /// For each point: its levels, `dims` of them.
    std::vector<std::int8_t> point_levels;
    /// For each code: the word of the point when the grid has it; else -1 - (index into `lists`).
    std::vector<std::int32_t> map;
    /// For each code: the index of the point; 0xFFFF when the grid does not have it.
    std::vector<std::uint16_t> index_of_code;
    std::vector<NeighbourList> lists;
    /// The entries of all lists: indices of points, and the same points as words.
    std::vector<std::uint16_t> neighbours;
    std::vector<std::uint32_t> neighbour_words;

    unsigned level_of(std::uint32_t word, unsigned coordinate) const {
        return word >> (4 * coordinate) & (levels == 3 ? 3u : 7u);
    }
    std::uint32_t code_of(std::uint32_t word) const {
        std::uint32_t code = 0;
        for (unsigned i = dims; i-- > 0;)
            code = code * levels + level_of(word, i);
        return code;
    }
    /// For the searches of kernels/lattice.h: map and neighbours in packed form.
    std::vector<std::int32_t> short_map;
    std::vector<std::uint16_t> short_neighbours;

    /// The levels of a point as a short word (kernels/lattice.h).
    std::uint16_t short_word(std::uint32_t word) const {
        std::uint32_t out = 0;
        for (unsigned i = dims; i-- > 0;)
            out = out << (levels == 3 ? 2 : 4) | level_of(word, i);
        return static_cast<std::uint16_t>(out);
    }
    /// Index of a point of the grid, given as its short word.
    std::uint16_t index_of_short(std::uint16_t word) const {
        std::uint32_t code = 0;
        if (levels == 3) {
            for (unsigned i = 8; i-- > 0;)
                code = code * 3 + (word >> (2 * i) & 3u);
        } else {
            for (unsigned i = 4; i-- > 0;)
                code = code * 8 + (word >> (4 * i) & 7u);
        }
        return index_of_code[code];
    }
    /// Index of a point of the grid, given as its word.
    std::uint16_t index_of(std::uint32_t word) const { return index_of_code[code_of(word)]; }
    std::size_t memory_bytes() const;
};

/// Each is built on first use (thread-safe) and lives as long as the process; see iq_grids.cpp for
/// what they cost.
const Grid& iq1_grid();
const Grid& iq2_xxs_grid();
const Grid& iq2_xs_grid();
const Grid& iq2_s_grid();
const Grid& iq3_xxs_grid();
const Grid& iq3_s_grid();

/// Bare points for decoding, which needs no neighbours; `table` is one of iq_grid_tables.h.
/// `values[l]` is what level l decodes to.
template <unsigned Dims, unsigned Bits, std::size_t Size, std::size_t Levels>
std::array<std::array<std::int8_t, Dims>, Size> decode_points(
    const std::uint16_t (&table)[Size], const std::array<std::int8_t, Levels>& values) {
    std::array<std::array<std::int8_t, Dims>, Size> points{};
    for (std::size_t p = 0; p < Size; ++p) {
        for (unsigned i = 0; i < Dims; ++i) {
            points[p][i] = values[table[p] >> (Bits * i) & ((1u << Bits) - 1)];
        }
    }
    return points;
}

/// The signs of eight weights from the seven bits that IQ2_XXS, IQ2_XS and IQ3_XXS store: bit i is
/// set when weight i is negative, and the number of negative weights is even.
constexpr std::uint8_t even_signs(unsigned seven_bits) {
    const unsigned folded = seven_bits ^ seven_bits >> 4;
    const unsigned odd = 0x6996u >> (folded & 15u) & 1u;
    return static_cast<std::uint8_t>(seven_bits | odd << 7);
}

}  // namespace quantize::formats

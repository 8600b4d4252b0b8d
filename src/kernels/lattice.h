// Searches over grids of points: the fits of IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S.
//
// A sub-block of 16 or 32 weights is coded as signs, one scale, and for each group of 8 or 4
// magnitudes a point of the type's grid. The fit tries a sweep of scales; for each it rounds the
// magnitudes to levels, moves groups that miss the grid to the neighbour that fits best, and
// keeps the scale and points that explain the most of the weighted values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quantize::kernels {

enum class LatticeType { iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s };

/// Weights of a super-block, all types.
inline constexpr std::size_t lattice_block = 256;

/// A run of entries: the neighbours of one point that is not on the grid, in order of preference.
struct NeighbourList {
    std::uint32_t begin;
    std::uint32_t count;
};

/// Lists of neighbours are filled up with copies of their last entry to a multiple of this, so
/// that whole vectors may be read. A copy never wins against the entry it copies.
inline constexpr std::size_t neighbour_padding = 16;

/// What a search needs of a grid, packed so that little of the cache is used. A short word is a
/// point's levels, two bits each when there are 3 levels and four bits each when there are 8, the
/// first coordinate lowest.
struct LatticeGrid {
    /// By code (formats/iq_grids.h): the point's short word, or the packed list of its neighbours.
    const std::int32_t* map;
    /// The neighbours of all lists as short words; a whole vector may be read from every list.
    const std::uint16_t* neighbours;
};

/// Lists start at multiples of this, so that few cache lines are touched.
inline constexpr std::size_t short_list_alignment = 8;
/// No list is longer (the longest has 292 entries).
inline constexpr std::size_t longest_list = 320;

/// A list in an entry of the map, a negative number: bit 30 set, nine bits of count, and
/// begin / short_list_alignment. A short word with bit 31 set but not bit 30 stays free for the
/// search's own use.
constexpr std::int32_t pack_list(NeighbourList list) {
    return static_cast<std::int32_t>(0xC0000000u | list.count << 21 |
                                     list.begin / short_list_alignment);
}
constexpr NeighbourList unpack_list(std::int32_t entry) {
    const auto bits = static_cast<std::uint32_t>(entry);
    return {(bits & 0x1FFFFFu) * static_cast<std::uint32_t>(short_list_alignment),
            bits >> 21 & 511u};
}
constexpr bool is_packed_list(std::int32_t entry) {
    return static_cast<std::uint32_t>(entry) >= 0xC0000000u;
}

/// Results, sub-block after sub-block.
struct LatticeFits {
    float* scales;  ///< not negative; NaN where the sums overflowed and there is no fit
    /// Bit i: weight i is negative. Where a type stores only seven of eight signs, the number of
    /// negative weights in each group of eight is even.
    std::uint32_t* signs;
    std::uint16_t* words;  ///< for each group: the short word of a point of the grid
};

/// Fits all sub-blocks of `block_count` super-blocks of `values`. `importance` is null or has one
/// weight for each value. Neither has to be ordinary: overflows end in a NaN scale.
void fit_lattice(LatticeType type, const LatticeGrid& grid, const float* values,
                 const float* importance, std::size_t block_count, const LatticeFits& fits);

}  // namespace quantize::kernels

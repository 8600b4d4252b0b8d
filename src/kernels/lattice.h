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

/// What a search needs of a grid; formats/iq_grids.h says what codes and words are.
struct LatticeGrid {
    const std::int32_t* map;  ///< by code: the point's word, or -1 - (index into lists)
    const NeighbourList* lists;
    const std::uint32_t* neighbour_words;
};

/// Results, sub-block after sub-block.
struct LatticeFits {
    float* scales;  ///< not negative; NaN where the sums overflowed and there is no fit
    /// Bit i: weight i is negative. Where a type stores only seven of eight signs, the number of
    /// negative weights in each group of eight is even.
    std::uint32_t* signs;
    std::uint32_t* words;  ///< one point of the grid for each group
};

/// Fits all sub-blocks of `block_count` super-blocks of `values`. `importance` is null or has one
/// weight for each value. Neither has to be ordinary: overflows end in a NaN scale.
void fit_lattice(LatticeType type, const LatticeGrid& grid, const float* values,
                 const float* importance, std::size_t block_count, const LatticeFits& fits);

}  // namespace quantize::kernels

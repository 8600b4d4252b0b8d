// The searches of IQ1_S and IQ1_M: the best split of a sub-block's values into three levels, and
// the point of the grid nearest to eight of them.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quantize::kernels {

/// The three levels decode to scale * (level - 1 + shift), where the shift is this or minus this.
inline constexpr float ternary_shift = 0.125f;
inline constexpr float ternary_plus[3] = {-1 + ternary_shift, ternary_shift, 1 + ternary_shift};
inline constexpr float ternary_minus[3] = {-1 - ternary_shift, -ternary_shift, 1 - ternary_shift};

/// Values whose levels form one point of the grid.
inline constexpr std::size_t ternary_group = 8;

/// How a sub-block's values are best split into three levels.
struct TernarySplit {
    float scale;
    /// Which shifts: for sub-blocks of 32 values 0 for plus and 1 for minus; for sub-blocks of 16
    /// the same in bit 1 for the first eight and in bit 0 for the others. -1 when there is no
    /// split: all values are tiny or all weights zero.
    std::int32_t shifts;
    /// Levels of each eight values in base 3, the first value's the lowest digit.
    std::uint16_t codes[4];
};

/// weights[i] = importance[i] * sqrt(means[i / elems_per_mean] + values[i]^2); without importance
/// the square alone.
void weigh_ternary(const float* values, const float* importance, const float* means,
                   std::size_t elems_per_mean, std::size_t elems, float* weights);

/// Splits each of `count` sub-blocks of 32 (IQ1_S) or 16 (IQ1_M) values: tries all pairs of
/// boundaries in the sorted values, with each shift. The order of trials and the rounding are the
/// reference's; equal values are sorted by position.
void split_ternary_32(const float* values, const float* weights, std::size_t count,
                      TernarySplit* splits);
void split_ternary_16(const float* values, const float* weights, std::size_t count,
                      TernarySplit* splits);

/// Eight values per group: values = scale * (coordinate + shift), where the coordinates are those
/// of a point, -1 to 1.
struct TernaryGroup {
    const std::int8_t* point;
    float scale;
    float shift;
};
void expand_ternary(const TernaryGroup* groups, std::size_t count, float* values);

/// Eight values whose levels are not on the grid, and the points among which to choose.
struct TernaryQuery {
    const std::uint32_t* words;  ///< points: the level of value i in bits 4i and 4i + 1
    std::uint32_t count;         ///< a multiple of 16
    const float* values;
    const float* weights;
    float scale;
    const float* levels;  ///< ternary_plus or ternary_minus
};

/// For each query the position in its list of the point with the smallest weighted squared error,
/// the first of equal ones; -1 when every error overflows.
void find_ternary_neighbours(const TernaryQuery* queries, std::size_t count,
                             std::int32_t* positions);

}  // namespace quantize::kernels

// Searches for the scale (and min) that represents a few values best on a small range of integer
// levels. Each problem is a sub-block; a call solves many, one per lane.
//
// The order of every sum and comparison is the reference's, so results have its bits. What its
// near-copies do differently is data here: the sweep of candidates, the levels, the weighting.
#pragma once

#include <cstdint>

#include "kernels/stored_values.h"

namespace quantize::kernels {

/// Below this a problem's largest magnitude counts as zero.
inline constexpr float smallest_magnitude = 1e-15f;

/// How the error of a value x counts.
enum class Weighting {
    square,              ///< x * x
    magnitude,           ///< |x|
    rms_plus_magnitude,  ///< root of the mean square of the problem's values, plus |x|
    importance,          ///< its importance weight alone
    importance_spread,   ///< importance weight times sqrt(variance + x * x)
};

/// A set of problems of equal size that lie one after the other.
struct Problems {
    StoredValues values;  ///< problem p begins with value p * size; F16 in multiples of 8 only
    std::int64_t count = 0;
    int size = 0;  ///< values in a problem: a multiple of 4 up to 32
    Weighting weighting = Weighting::square;
    /// A row of `importance_period` weights; problem p takes those from
    /// (importance_offset + p * size) % importance_period on. Null unless the weighting asks.
    const float* importance = nullptr;
    std::int64_t importance_offset = 0;
    std::int64_t importance_period = 0;
    const float* variance = nullptr;  ///< per problem; null unless the weighting asks
    /// Where this is not null the problems are not at `values`: they are blocks of rows side by
    /// side (kernels/lane_rows.h), weighted by importance_spread. Problem p is block p /
    /// lane_rows() of row p % lane_rows(), and the variance is per row. Importance lies side by
    /// side as well; where that is null it is the same for all rows.
    const float* lanes = nullptr;
    const float* lane_importance = nullptr;
};

/// Scale and min on levels 0 .. levels, by weighted least squares for each candidate of a sweep.
struct AffineSpec {
    int levels;   ///< highest level
    float first;  ///< candidate k spreads the values over first + step * k + levels
    float step;
    int last;             ///< candidates are 0 .. last
    bool absolute_error;  ///< compares sums of |error| rather than of its square
};

/// Results per problem: value = scale * level - min, with
/// level = clamp(nearest(inverse * (value - base)), 0, levels). Where inverse and base are both
/// null the search does not keep them, which is up to 4 % faster.
struct AffineFits {
    float* scale;
    float* min;
    float* weight_sum;
    float* inverse = nullptr;
    float* base = nullptr;
};
void fit_affine(const AffineSpec& spec, const Problems& problems, const AffineFits& fits);

/// Scale on levels -levels .. levels - 1: a sweep around the scale that takes the value of largest
/// magnitude to -levels.
struct SymmetricSpec {
    int levels;
    float step;  ///< candidate k takes the largest value to -(levels + step * k)
    int reach;   ///< candidates are -reach .. reach, at most max_reach
};
inline constexpr int max_reach = 12;
inline constexpr SymmetricSpec symmetric_sweep(int levels) {
    return {levels, 0.1f, 9};
}

/// Results per problem: level = clamp(nearest(inverse * value), -levels, levels - 1). A problem
/// without any value to speak of has scale and inverse 0. `weight_sum` may be null.
struct SymmetricFits {
    float* scale;
    float* inverse;
    float* weight_sum;
};
void fit_symmetric(const SymmetricSpec& spec, const Problems& problems, const SymmetricFits& fits);

/// Scale on levels -levels .. levels - 1 by coordinate descent: one level after the other moves
/// while that makes the fit better. The weighting is always by the square. `level_bytes`, which may
/// be null, takes level + levels (0 for a problem without any value to speak of), `size` for each
/// problem.
void fit_symmetric_descent(int levels, const Problems& problems, float* scale,
                           std::uint8_t* level_bytes);

/// Scale on levels 0 .. levels for values that are (nearly always) positive: a sweep, then
/// coordinate descent. A negative value's level wraps to a byte as the reference stores it.
struct PositiveSpec {
    int levels;
    float step;  ///< candidate k spreads the values over levels + step * k
    int reach;   ///< candidates are -reach .. reach
};
inline constexpr PositiveSpec positive_sweep(int levels) {
    return {levels, 0.1f, 4};
}
void fit_positive(const PositiveSpec& spec, const Problems& problems, float* scale,
                  std::uint8_t* level_bytes);

/// Sum of the squares of each of `rows` rows of `row_elems` values (a multiple of 4; of 8 in F16),
/// in order.
void sum_squares(const StoredValues& values, std::int64_t rows, std::int64_t row_elems,
                 float* sums);

/// The value of largest magnitude, the first of several, of each of `rows` rows of `row_elems`
/// values (a multiple of 4 up to 32); zero for a row of zeros. A NaN counts as zero.
void largest_values(const float* values, std::int64_t rows, int row_elems, float* largest);

}  // namespace quantize::kernels

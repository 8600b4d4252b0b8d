// The rules by which importance weights act: which variance enters a value's weight
// importance * sqrt(variance + value^2), and over what it is taken.
#pragma once

#include <cstdint>

#include "kernels/stored_values.h"

namespace quantize::formats {

/// Multiple of the mean square that serves as variance; the types differ.
enum class VarianceRule : int { mean_square = 1, twice_mean_square = 2 };

/// Variance of a super-block, given the sum of its values' squares.
float super_block_variance(VarianceRule rule, float sum_squares);

/// Variance of each of `count` super-blocks, repeated for each of its `sub_blocks`.
void super_block_variances(VarianceRule rule, const kernels::StoredValues& values,
                           std::int64_t count, int sub_blocks, float* variances);

/// Variance of a row, its mean square, given the sum of its values' squares; and of each of several
/// rows.
float row_variance(float sum_squares, std::int64_t cols);
void row_variances(const kernels::StoredValues& values, std::int64_t rows, std::int64_t cols,
                   float* variances);

}  // namespace quantize::formats

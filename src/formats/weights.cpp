// Variances for importance weights, rounded where the reference rounds.
#include "formats/weights.h"

#include <algorithm>

#include "formats/k_blocks.h"
#include "kernels/fit.h"

namespace quantize::formats {

float super_block_variance(VarianceRule rule, float sum_squares) {
    return static_cast<float>(static_cast<int>(rule)) * sum_squares /
           static_cast<float>(super_block_elems);
}

void super_block_variances(VarianceRule rule, const kernels::StoredValues& values,
                           std::int64_t count, int sub_blocks, float* variances) {
    float sums[group_super_blocks];
    for (std::int64_t first = 0; first < count; first += group_super_blocks) {
        const auto used = std::min<std::int64_t>(group_super_blocks, count - first);
        kernels::sum_squares(values.from(first * super_block_elems), used, super_block_elems, sums);
        for (std::int64_t s = 0; s < used; ++s)
            variances = std::fill_n(variances, sub_blocks, super_block_variance(rule, sums[s]));
    }
}

float row_variance(float sum_squares, std::int64_t cols) {
    return sum_squares / static_cast<float>(cols);
}

void row_variances(const kernels::StoredValues& values, std::int64_t rows, std::int64_t cols,
                   float* variances) {
    kernels::sum_squares(values, rows, cols, variances);
    for (std::int64_t row = 0; row < rows; ++row)
        variances[row] = row_variance(variances[row], cols);
}

}  // namespace quantize::formats

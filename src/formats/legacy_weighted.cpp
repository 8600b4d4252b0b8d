// Q4_0, Q4_1, Q5_0, Q5_1 with importance weights. The variance that enters the weights is the
// whole row's; each block of 32 is then a problem of its own, and its levels are those of the
// search.
#include "formats/legacy_weighted.h"

#include <algorithm>
#include <functional>

#include "formats/legacy_layout.h"
#include "formats/weights.h"
#include "kernels/fit.h"
#include "kernels/levels.h"
#include "kernels/rows.h"

namespace quantize::formats {
namespace {

using namespace legacy;

constexpr int group_blocks = 64;
constexpr int group_rows = 32;

void to_f16(const float* values, std::int64_t count, std::uint16_t* halves) {
    kernels::f32_to_f16(values, count, reinterpret_cast<std::byte*>(halves));
}

/// Fits and packs up to group_blocks blocks.
template <class L>
void encode_group(const kernels::Problems& problems, std::byte* out) {
    constexpr int level_count = 1 << L::bits;
    float scale[group_blocks], inverse[group_blocks];
    float base[group_blocks] = {};
    std::uint16_t scales[group_blocks], mins[group_blocks];
    kernels::LevelRange range;
    if constexpr (L::has_min) {
        range = {0, level_count - 1, 0};
        float min[group_blocks], weight_sum[group_blocks];
        kernels::fit_affine({level_count - 1, -0.9f, 0.05f, 36, false}, problems,
                            {scale, min, weight_sum, inverse, base});
        // The search subtracts its min, the block adds it.
        std::transform(min, min + problems.count, min, std::negate<>());
        to_f16(min, problems.count, mins);
    } else {
        constexpr int half = level_count / 2;
        range = {-half, half - 1, half};
        kernels::fit_symmetric(kernels::symmetric_sweep(half), problems, {scale, inverse, nullptr});
    }
    to_f16(scale, problems.count, scales);
    std::uint8_t levels[group_blocks * block_elems];
    kernels::level_by_inverse(problems.values, problems.count, block_elems, inverse, base, range,
                              levels);
    pack<L, group_blocks>(reinterpret_cast<const std::int8_t*>(levels), scales, mins,
                          problems.count, out);
}

template <class L>
void encode(const float* values, std::int64_t rows, std::int64_t cols, const float* weights,
            std::byte* out) {
    const std::int64_t row_blocks = cols / block_elems;
    float row_variance[group_rows];
    float variance[group_blocks];
    for (std::int64_t first_row = 0; first_row < rows; first_row += group_rows) {
        const std::int64_t used_rows = std::min<std::int64_t>(group_rows, rows - first_row);
        const float* const start = values + first_row * cols;
        row_variances(start, used_rows, cols, row_variance);
        const std::int64_t blocks = used_rows * row_blocks;
        for (std::int64_t first = 0; first < blocks; first += group_blocks) {
            kernels::Problems problems;
            problems.values = start + first * block_elems;
            problems.count = std::min<std::int64_t>(group_blocks, blocks - first);
            problems.size = block_elems;
            problems.weighting = kernels::Weighting::importance_spread;
            problems.importance = weights;
            problems.importance_offset = first % row_blocks * block_elems;
            problems.importance_period = cols;
            problems.variance = variance;
            for (std::int64_t b = 0, row = first / row_blocks, column = first % row_blocks;
                 b < problems.count; ++b) {
                variance[b] = row_variance[row];
                if (++column == row_blocks) {
                    column = 0;
                    ++row;
                }
            }
            encode_group<L>(problems, out);
            out += problems.count * L::block_bytes;
        }
    }
}

}  // namespace

void encode_weighted(TensorType type, const float* values, std::int64_t rows, std::int64_t cols,
                     const float* weights, std::byte* blocks) {
    switch (type) {
        case TensorType::Q4_0:
            return encode<LayoutQ4_0>(values, rows, cols, weights, blocks);
        case TensorType::Q4_1:
            return encode<LayoutQ4_1>(values, rows, cols, weights, blocks);
        case TensorType::Q5_0:
            return encode<LayoutQ5_0>(values, rows, cols, weights, blocks);
        case TensorType::Q5_1:
            return encode<LayoutQ5_1>(values, rows, cols, weights, blocks);
        default:
            return;
    }
}

}  // namespace quantize::formats

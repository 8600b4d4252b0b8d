// Q4_0, Q4_1, Q5_0, Q5_1 with importance weights. The variance that enters the weights is the
// whole row's; each block of 32 is then a problem of its own, and its levels are those of the
// search. Rows are brought side by side once, and are summed, searched and packed there.
#include "formats/legacy_weighted.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>

#include "base/buffer.h"
#include "formats/legacy_layout.h"
#include "formats/weights.h"
#include "kernels/fit.h"
#include "kernels/lane_rows.h"
#include "kernels/levels.h"
#include "kernels/rows.h"

namespace quantize::formats {
namespace {

using namespace legacy;

constexpr int group_blocks = 64;
/// Blocks of each row that are encoded together where rows stand side by side.
constexpr int lane_blocks = 32;

void to_f16(const float* values, std::int64_t count, std::uint16_t* halves) {
    kernels::f32_to_f16(values, count, reinterpret_cast<std::byte*>(halves));
}

/// What a search finds for each of a number of blocks.
template <int kBlocks>
struct Fits {
    alignas(64) float inverse[kBlocks];
    alignas(64) float base[kBlocks] = {};
    std::uint16_t scales[kBlocks];
    std::uint16_t mins[kBlocks];
};

/// Levels of blocks side by side, as they lie in a file.
template <int kBlocks>
struct Packed {
    alignas(64) std::uint32_t nibbles[4 * kBlocks];
    alignas(64) std::uint32_t fifth_bits[kBlocks];
};

/// The levels of a type, by what the search measures them from.
template <class L>
constexpr kernels::LevelRange level_range() {
    constexpr int level_count = 1 << L::bits;
    if constexpr (L::has_min) return {0, level_count - 1, 0};
    return {-level_count / 2, level_count / 2 - 1, level_count / 2};
}

template <class L, int kBlocks>
void fit(const kernels::Problems& problems, Fits<kBlocks>& fits) {
    float scale[kBlocks];
    if constexpr (L::has_min) {
        float min[kBlocks], weight_sum[kBlocks];
        kernels::fit_affine({level_range<L>().highest, -0.9f, 0.05f, 36, false}, problems,
                            {scale, min, weight_sum, fits.inverse, fits.base});
        // The search subtracts its min, the block adds it.
        std::transform(min, min + problems.count, min, std::negate<>());
        to_f16(min, problems.count, fits.mins);
    } else {
        kernels::fit_symmetric(kernels::symmetric_sweep(level_range<L>().offset), problems,
                               {scale, fits.inverse, nullptr});
    }
    to_f16(scale, problems.count, fits.scales);
}

/// Writes the first of a row's blocks from `block` on, which `rows` rows have side by side: the
/// row's first one is number `p`.
template <class L, int kBlocks>
void store_row(const Fits<kBlocks>& fits, const Packed<kBlocks>& packed, std::int64_t p,
               std::int64_t rows, std::int64_t end, std::byte* block) {
    for (; p < end; p += rows, block += L::block_bytes) {
        store(fits.scales[p], block);
        if constexpr (L::has_min) store(fits.mins[p], block + L::min_at);
        if constexpr (L::bits == 5) store(packed.fifth_bits[p], block + L::fifth_bits_at);
        std::memcpy(block + L::nibbles_at, packed.nibbles + 4 * p, 16);
    }
}

/// Encodes as many rows as stand side by side, which `lanes` has room for. Returns whether all
/// values in F16 are finite.
template <class L>
bool encode_side_by_side(const kernels::StoredValues& values, std::int64_t cols,
                         const float* weights, float* lanes, std::byte* out) {
    constexpr int most = lane_blocks * kernels::most_lane_rows;
    const std::int64_t rows = kernels::lane_rows();
    const std::int64_t row_blocks = cols / block_elems;
    float variance[kernels::most_lane_rows];
    kernels::rows_to_lanes(values, cols, lanes, variance);
    const bool finite =
        std::all_of(variance, variance + rows, [](float v) { return std::isfinite(v); });
    if (values.halves() != nullptr && !finite) return false;
    for (std::int64_t r = 0; r < rows; ++r)
        variance[r] = row_variance(variance[r], cols);
    Fits<most> fits;
    Packed<most> packed;
    for (std::int64_t first = 0; first < row_blocks; first += lane_blocks) {
        const std::int64_t used = std::min<std::int64_t>(lane_blocks, row_blocks - first);
        kernels::Problems problems;
        problems.lanes = lanes + first * block_elems * rows;
        problems.count = used * rows;
        problems.size = block_elems;
        problems.weighting = kernels::Weighting::importance_spread;
        problems.importance = weights + first * block_elems;
        problems.variance = variance;
        fit<L>(problems, fits);
        kernels::pack_lane_levels(problems.lanes, used, fits.inverse, fits.base, level_range<L>(),
                                  packed.nibbles, L::bits == 5 ? packed.fifth_bits : nullptr);
        for (std::int64_t r = 0; r < rows; ++r) {
            store_row<L>(fits, packed, r, rows, problems.count,
                         out + (r * row_blocks + first) * L::block_bytes);
        }
    }
    return true;
}

/// Encodes fewer rows than stand side by side. Returns whether all values in F16 are finite.
template <class L>
bool encode_few(const kernels::StoredValues& values, std::int64_t rows, std::int64_t cols,
                const float* weights, std::byte* out) {
    const std::int64_t row_blocks = cols / block_elems;
    float row_variance[kernels::most_lane_rows];
    row_variances(values, rows, cols, row_variance);
    const std::int64_t blocks = rows * row_blocks;
    bool all_finite = true;
    for (std::int64_t first = 0; first < blocks; first += group_blocks) {
        float variance[group_blocks];
        kernels::Problems problems;
        problems.values = values.from(first * block_elems);
        problems.count = std::min<std::int64_t>(group_blocks, blocks - first);
        problems.size = block_elems;
        problems.weighting = kernels::Weighting::importance_spread;
        problems.importance = weights;
        problems.importance_offset = first % row_blocks * block_elems;
        problems.importance_period = cols;
        problems.variance = variance;
        for (std::int64_t b = 0; b < problems.count; ++b)
            variance[b] = row_variance[(first + b) / row_blocks];
        Fits<group_blocks> fits;
        fit<L>(problems, fits);
        std::uint8_t levels[group_blocks * block_elems];
        all_finite &= kernels::level_by_inverse(problems.values, problems.count, block_elems,
                                                fits.inverse, fits.base, level_range<L>(), levels);
        pack<L, group_blocks>(reinterpret_cast<const std::int8_t*>(levels), fits.scales, fits.mins,
                              problems.count, out + first * L::block_bytes);
    }
    return all_finite;
}

template <class L>
std::int64_t encode(const kernels::StoredValues& values, std::int64_t rows, std::int64_t cols,
                    const float* weights, std::byte* out) {
    const std::int64_t row_bytes = cols / block_elems * L::block_bytes;
    const std::int64_t together = kernels::lane_rows();
    Buffer<float> lanes;
    bool all_finite = true;
    std::int64_t row = 0;
    for (; all_finite && row + together <= rows; row += together) {
        const auto room = lanes.take(static_cast<std::size_t>(cols * together));
        all_finite = encode_side_by_side<L>(values.from(row * cols), cols, weights, room.data(),
                                            out + row * row_bytes);
    }
    if (all_finite && row < rows) {
        all_finite = encode_few<L>(values.from(row * cols), rows - row, cols, weights,
                                   out + row * row_bytes);
    }
    return all_finite ? -1 : kernels::find_non_finite_half(values, rows * cols);
}

}  // namespace

std::int64_t encode_weighted(TensorType type, const kernels::StoredValues& values,
                             std::int64_t rows, std::int64_t cols, const float* weights,
                             std::byte* blocks) {
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
            return -1;
    }
}

}  // namespace quantize::formats

// Q3_K and Q6_K: weight = scale * level, with levels on both sides of zero in sub-blocks of 16.
// The types share the skeleton (fit, integer scales, levels again, pack) and differ in each step.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "formats/families.h"
#include "formats/k_blocks.h"
#include "formats/k_format.h"
#include "formats/k_packing.h"
#include "formats/rounding.h"
#include "formats/weights.h"
#include "kernels/fit.h"
#include "kernels/levels.h"
#include "kernels/rows.h"

namespace quantize::formats {
namespace {

using kernels::Weighting;

constexpr int sub_elems = 16;
constexpr int sub_blocks = super_block_elems / sub_elems;
constexpr int max_subs = group_super_blocks * sub_blocks;
/// Levels from -half to half - 1, stored with half added.
constexpr kernels::LevelRange centred(int half) {
    return {-half, half - 1, half};
}
/// A symmetric search measures levels from zero.
constexpr float zero_base[max_subs] = {};

/// What the steps hand on for a group of super-blocks. Scales are those of the search, then as
/// stored.
struct Group {
    kernels::StoredValues values;
    int count;                      ///< super-blocks in use
    const float* importance;        ///< null for none
    std::int64_t importance_start;  ///< column of the first value
    std::int64_t cols;
    float scales[max_subs], inverse[max_subs], weight_sum[max_subs];
    std::uint8_t levels[group_super_blocks * super_block_elems];

    kernels::Problems problems(Weighting weighting, const float* variance = nullptr) const {
        return {values,     std::int64_t{count} * sub_blocks,
                sub_elems,  weighting,
                importance, importance_start,
                cols,       variance};
    }
};

/// Integer scales from -half to half - 1, half added, with the largest of each super-block at
/// -half, and the factor of each super-block. Both are zero where the largest is zero or below
/// `least`. An infinite one leaves middle integers and an infinite factor, by which the block is
/// refused.
void scale_by_largest(const Group& group, int half, float least, std::uint8_t* integers,
                      float* factors) {
    float largest[group_super_blocks], inverse[group_super_blocks];
    kernels::largest_values(group.scales, group.count, sub_blocks, largest);
    for (int s = 0; s < group.count; ++s) {
        const bool counts = largest[s] != 0 && std::fabs(largest[s]) >= least;
        inverse[s] = counts ? static_cast<float>(-half) / largest[s] : 0.0f;
        factors[s] = counts ? 1 / inverse[s] : 0.0f;
    }
    kernels::level_by_inverse(group.scales, group.count, sub_blocks, inverse, zero_base,
                              centred(half), integers);
    for (int s = 0; s < group.count; ++s) {
        if (std::isinf(factors[s])) {
            std::fill_n(integers + s * sub_blocks, sub_blocks, static_cast<std::uint8_t>(half));
        }
    }
}

/// A block's scales from its integers, to which `offset` has been added.
template <class Integer>
void scale_integers(std::uint16_t factor, const Integer* integers, int offset, float* scales) {
    const float d = f16_to_f32(factor);
    for (int j = 0; j < sub_blocks; ++j)
        scales[j] = d * static_cast<float>(integers[j] - offset);
}

/// Writes the factors of a group's blocks, and puts in place of the search's scales those that come
/// of factors and integers, to which `offset` has been added, as stored.
template <class Block>
void store_scales(Group& group, const float* factors, const std::uint8_t* integers, int offset,
                  Block* blocks) {
    std::byte halves[group_super_blocks * sizeof(std::uint16_t)];
    float stored[group_super_blocks];
    kernels::f32_to_f16(factors, group.count, halves);
    kernels::f16_to_f32(halves, group.count, stored);
    for (int s = 0; s < group.count; ++s)
        blocks[s].d = load<std::uint16_t>(halves + s * sizeof(std::uint16_t));
    std::int8_t centred_integers[max_subs];
    for (int j = 0; j < group.count * sub_blocks; ++j)
        centred_integers[j] = static_cast<std::int8_t>(integers[j] - offset);
    kernels::expand_levels(centred_integers, group.count, sub_blocks, stored, zero_base,
                           group.scales);
}

/// The levels with which a sweep found the inverse scale of sub-block `j` of the group.
void levels_by_inverse(const Group& group, int j, int half, std::uint8_t* levels) {
    kernels::level_by_inverse(group.values.from(j * sub_elems), 1, sub_elems, group.inverse + j,
                              zero_base, centred(half), levels);
}

// Q3_K. Without importance weights: coordinate descent, integer scales by the largest. With: a
// sweep, and integer scales by a sweep too.

constexpr int half_levels(const BlockQ3K*) {
    return 4;
}

/// Integer scales, 32 added, and the factor of each super-block.
struct ScalesQ3K {
    std::uint8_t integers[max_subs];
    float factors[group_super_blocks];
};

void scale_by_fit(const Group& group, ScalesQ3K& out) {
    kernels::Problems problems;
    problems.values = group.scales;
    problems.count = group.count;
    problems.size = sub_blocks;
    problems.weighting = Weighting::importance;
    problems.importance = group.weight_sum;
    problems.importance_period = max_subs;
    float inverse[group_super_blocks];
    kernels::fit_symmetric(kernels::symmetric_sweep(32), problems, {out.factors, inverse, nullptr});
    kernels::level_by_inverse(group.scales, group.count, sub_blocks, inverse, zero_base,
                              centred(32), out.integers);
}

void fit_group(Group& group, BlockQ3K* blocks) {
    ScalesQ3K scales;
    if (group.importance == nullptr) {
        kernels::fit_symmetric_descent(half_levels(blocks), group.problems(Weighting::square),
                                       group.scales, nullptr);
        scale_by_largest(group, 32, 0, scales.integers, scales.factors);
    } else {
        float variance[max_subs];
        super_block_variances(VarianceRule::twice_mean_square, group.values, group.count,
                              sub_blocks, variance);
        kernels::fit_symmetric(kernels::symmetric_sweep(half_levels(blocks)),
                               group.problems(Weighting::importance_spread, variance),
                               {group.scales, group.inverse, group.weight_sum});
        scale_by_fit(group, scales);
    }
    for (int s = 0; s < group.count; ++s)
        pack_scales(scales.integers + s * sub_blocks, blocks[s].scales);
    store_scales(group, scales.factors, scales.integers, 32, blocks);
}

void stored_scales(const BlockQ3K& block, float* scales) {
    std::uint8_t integers[sub_blocks];
    unpack_scales(block.scales, integers);
    scale_integers(block.d, integers, 32, scales);
}

/// The levels of the search for sub-block `j`, which are seen only where the stored scale is zero.
void search_levels(const Group& group, int j, const BlockQ3K& block, std::uint8_t* levels) {
    if (group.importance != nullptr)
        return levels_by_inverse(group, j, half_levels(&block), levels);
    kernels::Problems problem = group.problems(Weighting::square);
    problem.values = problem.values.from(j * sub_elems);
    problem.count = 1;
    float scale;
    kernels::fit_symmetric_descent(half_levels(&block), problem, &scale, levels);
}

void store_levels(const std::uint8_t* levels, BlockQ3K& block) {
    pack_pairs<0>(levels, block.levels);
    pack_planes<1, 32, 2>(levels, block.high_bits);
}
void load_levels(const BlockQ3K& block, std::int8_t* levels) {
    unpack_pairs<0>(block.levels, levels);
    unpack_planes<1, 32, 2>(block.high_bits, levels);
    for (int i = 0; i < super_block_elems; ++i)
        levels[i] = static_cast<std::int8_t>(levels[i] - 4);
}

// Q6_K: a sweep in both cases, integer scales by the largest.

constexpr int half_levels(const BlockQ6K*) {
    return 32;
}

void stored_scales(const BlockQ6K& block, float* scales) {
    scale_integers(block.d, block.scales, 0, scales);
}

void fit_group(Group& group, BlockQ6K* blocks) {
    const bool weighted = group.importance != nullptr;
    kernels::fit_symmetric(kernels::symmetric_sweep(half_levels(blocks)),
                           group.problems(weighted ? Weighting::importance : Weighting::square),
                           {group.scales, group.inverse, nullptr});
    float factors[group_super_blocks];
    std::uint8_t integers[max_subs];
    scale_by_largest(group, 128, kernels::smallest_magnitude, integers, factors);
    for (int s = 0; s < group.count; ++s) {
        std::uint8_t* const own = integers + s * sub_blocks;
        if (factors[s] == 0) {
            // The whole block becomes zero bytes: no level may be seen either.
            std::fill_n(group.inverse + s * sub_blocks, sub_blocks, 0.0f);
            std::fill_n(own, sub_blocks, std::uint8_t{128});
        }
        for (int j = 0; j < sub_blocks; ++j)
            blocks[s].scales[j] = static_cast<std::int8_t>(own[j] - 128);
    }
    store_scales(group, factors, integers, 128, blocks);
}

void search_levels(const Group& group, int j, const BlockQ6K& block, std::uint8_t* levels) {
    levels_by_inverse(group, j, half_levels(&block), levels);
}

void store_levels(const std::uint8_t* levels, BlockQ6K& block) {
    pack_nibbles<64>(levels, block.levels);
    pack_pairs<4>(levels, block.high_pairs);
}
void load_levels(const BlockQ6K& block, std::int8_t* levels) {
    unpack_nibbles<64>(block.levels, levels);
    unpack_pairs<4>(block.high_pairs, levels);
    for (int i = 0; i < super_block_elems; ++i)
        levels[i] = static_cast<std::int8_t>(levels[i] - 32);
}

// The skeleton.

/// Levels for the scales as stored; where a stored scale is zero, the search's. Returns whether all
/// values in F16 are finite.
template <class Block>
bool take_levels(Group& group, Block* blocks) {
    constexpr kernels::LevelRange range = centred(half_levels(static_cast<Block*>(nullptr)));
    const int subs = group.count * sub_blocks;
    const bool all_finite = kernels::relevel(group.values, subs, sub_elems, group.scales, zero_base,
                                             range, group.levels);
    int zeros = count_zeros(group.scales, subs);
    for (int j = 0; zeros > 0; ++j) {
        if (group.scales[j] != 0) continue;
        search_levels(group, j, *blocks, group.levels + j * sub_elems);
        --zeros;
    }
    for (int s = 0; s < group.count; ++s)
        store_levels(group.levels + s * super_block_elems, blocks[s]);
    return all_finite;
}

/// Returns the index of the first F16 that is not finite, -1 when there is none.
template <class Block>
std::int64_t encode(const kernels::StoredValues& values, std::int64_t rows, std::int64_t cols,
                    const float* weights, std::byte* blocks) {
    const std::int64_t super_blocks = rows * cols / super_block_elems;
    Group group;
    Block out[group_super_blocks];
    for (std::int64_t first = 0; first < super_blocks; first += group.count) {
        group.values = values.from(first * super_block_elems);
        group.count =
            static_cast<int>(std::min<std::int64_t>(group_super_blocks, super_blocks - first));
        group.importance = weights;
        group.importance_start = first * super_block_elems % cols;
        group.cols = cols;
        fit_group(group, out);
        if (!take_levels(group, out)) return kernels::find_non_finite_half(values, rows * cols);
        const std::size_t bytes = static_cast<std::size_t>(group.count) * sizeof(Block);
        std::memcpy(blocks, out, bytes);
        blocks += bytes;
    }
    return -1;
}

template <class Block>
void decode(const std::byte* blocks, std::int64_t elems, float* values) {
    for (std::int64_t start = 0; start < elems; start += super_block_elems) {
        Block block;
        std::memcpy(&block, blocks, sizeof(Block));
        blocks += sizeof(Block);
        float scales[sub_blocks];
        std::int8_t levels[super_block_elems];
        stored_scales(block, scales);
        load_levels(block, levels);
        kernels::expand_levels(levels, sub_blocks, sub_elems, scales, zero_base, values + start);
    }
}

template <class Block>
std::int64_t find_bad_block(const std::byte* blocks, std::int64_t block_count) {
    for (std::int64_t b = 0; b < block_count; ++b) {
        Block block;
        std::memcpy(&block, blocks + b * static_cast<std::int64_t>(sizeof(Block)), sizeof(Block));
        if (is_bad_f16(block.d)) return b;
    }
    return -1;
}

template <class Block>
constexpr Format make_format(TensorType type) noexcept {
    return make_k_format<encode<Block>, decode<Block>, find_bad_block<Block>>(type);
}

}  // namespace

const Format q3_k = make_format<BlockQ3K>(TensorType::Q3_K);
const Format q6_k = make_format<BlockQ6K>(TensorType::Q6_K);

}  // namespace quantize::formats

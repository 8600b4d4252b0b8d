// Q2_K, Q4_K, Q5_K: weight = scale * level - min. Five steps, one skeleton: weigh and fit each
// sub-block, make small integers of scales and mins, take the levels again with the scales as
// stored, pack. AffineType names all that the three types do differently.
#include <algorithm>
#include <cstring>

#include "base/float16.h"
#include "formats/families.h"
#include "formats/k_blocks.h"
#include "formats/k_format.h"
#include "formats/k_packing.h"
#include "formats/k_side_by_side.h"
#include "formats/rounding.h"
#include "formats/weights.h"
#include "kernels/fit.h"
#include "kernels/levels.h"
#include "kernels/rows.h"

namespace quantize::formats {
namespace {

using kernels::AffineSpec;
using kernels::Weighting;

struct AffineType {
    int sub_elems;
    int levels;        ///< highest level
    int scale_levels;  ///< highest integer scale and min
    AffineSpec plain;  ///< search without importance weights
    Weighting plain_weighting;
    AffineSpec weighted;
    VarianceRule variance;
    /// Whether an integer scale above scale_levels (a wrapped negative one) is cut to it.
    bool plain_caps_scales;
    bool weighted_caps_scales;

    constexpr int sub_blocks() const { return super_block_elems / sub_elems; }
};

constexpr AffineSpec weighted_sweep(int levels) {
    return {levels, -0.9f, 0.05f, 36, false};
}

// Each block type's spec, and how it stores scales and levels.

constexpr AffineType spec_of(const BlockQ2K*) {
    return {16,
            3,
            15,
            {3, -0.5f, 0.1f, 15, true},
            Weighting::magnitude,
            weighted_sweep(3),
            VarianceRule::mean_square,
            false,
            false};
}
void store_scales(const std::uint8_t* scales, const std::uint8_t* mins, BlockQ2K& block) {
    for (int j = 0; j < 16; ++j) {
        block.scales[j] = static_cast<std::uint8_t>(scales[j] | mins[j] << 4);
    }
}
void load_scales(const BlockQ2K& block, std::uint8_t* scales, std::uint8_t* mins) {
    for (int j = 0; j < 16; ++j) {
        scales[j] = block.scales[j] & 15;
        mins[j] = block.scales[j] >> 4;
    }
}
void store_levels(const std::uint8_t* levels, BlockQ2K& block) {
    pack_pairs<0>(levels, block.levels);
}
void load_levels(const BlockQ2K& block, std::int8_t* levels) {
    unpack_pairs<0>(block.levels, levels);
}

constexpr AffineType spec_of(const BlockQ4K*) {
    return {32,
            15,
            63,
            {15, -1.0f, 0.1f, 20, false},
            Weighting::rms_plus_magnitude,
            weighted_sweep(15),
            VarianceRule::twice_mean_square,
            true,
            false};
}
void store_levels(const std::uint8_t* levels, BlockQ4K& block) {
    pack_nibbles<32>(levels, block.levels);
}
void load_levels(const BlockQ4K& block, std::int8_t* levels) {
    unpack_nibbles<32>(block.levels, levels);
}

constexpr AffineType spec_of(const BlockQ5K*) {
    return {32,
            31,
            63,
            {31, -0.5f, 0.1f, 15, false},
            Weighting::rms_plus_magnitude,
            weighted_sweep(31),
            VarianceRule::twice_mean_square,
            true,
            true};
}
void store_levels(const std::uint8_t* levels, BlockQ5K& block) {
    pack_nibbles<32>(levels, block.levels);
    pack_planes<1, 32, 4>(levels, block.high_bits);
}
void load_levels(const BlockQ5K& block, std::int8_t* levels) {
    unpack_nibbles<32>(block.levels, levels);
    unpack_planes<1, 32, 4>(block.high_bits, levels);
}

template <class Block>
void store_scales(const std::uint8_t* scales, const std::uint8_t* mins, Block& block) {
    pack_scales_and_mins(scales, mins, block.scales);
}
template <class Block>
void load_scales(const Block& block, std::uint8_t* scales, std::uint8_t* mins) {
    unpack_scales_and_mins(block.scales, scales, mins);
}

/// What the steps hand on for a group of super-blocks; arrays per sub-block hold one super-block
/// after the other.
struct Group {
    static constexpr int max_subs = group_super_blocks * 16;

    kernels::StoredValues values;
    int count;                      ///< super-blocks in use
    const float* importance;        ///< null for none
    std::int64_t importance_start;  ///< column of the first value
    std::int64_t cols;
    // From the search, later as stored. Mins follow scales without a gap, so that both are one set
    // of problems.
    float scales_and_mins[2 * max_subs];
    float weight_sum[max_subs];
    // Integer scales, then mins, and the factor of each super-block: again one set.
    std::uint8_t integers[2 * max_subs];
    float factors[2 * group_super_blocks];
    std::uint8_t levels[group_super_blocks * super_block_elems];

    const AffineSpec& spec(const AffineType& type) const {
        return importance != nullptr ? type.weighted : type.plain;
    }
    /// The sub-blocks from super-block `first` on. With importance, each has a variance.
    kernels::Problems problems(const AffineType& type, int first, const float* variance) const {
        return {values.from(first * super_block_elems),
                std::int64_t{count - first} * type.sub_blocks(),
                type.sub_elems,
                importance != nullptr ? Weighting::importance_spread : type.plain_weighting,
                importance,
                importance_start + first * super_block_elems,
                cols,
                variance};
    }
};

/// Fits super-blocks of a group side by side, as many at a time as stand so. Returns how many it
/// has fitted: all but a few of the last.
int fit_side_by_side(const AffineType& type, Group& group, SideBySide& lanes) {
    constexpr int most = kernels::most_lane_rows * 16;
    const int together = static_cast<int>(kernels::lane_rows());
    const int subs = type.sub_blocks();
    float* const mins = group.scales_and_mins + group.count * subs;
    alignas(64) float scale[most], min[most], weight_sum[most];
    int s = 0;
    for (; s + together <= group.count; s += together) {
        lanes.take(type.variance, group.values.from(s * super_block_elems),
                   (group.importance_start + s * super_block_elems) % group.cols);
        kernels::fit_affine(type.weighted, lanes.problems(type.sub_elems),
                            {scale, min, weight_sum});
        kernels::lanes_to_rows(scale, subs, group.scales_and_mins + s * subs);
        kernels::lanes_to_rows(min, subs, mins + s * subs);
        kernels::lanes_to_rows(weight_sum, subs, group.weight_sum + s * subs);
    }
    return s;
}

void fit(const AffineType& type, Group& group, SideBySide& lanes) {
    const int done = group.importance != nullptr ? fit_side_by_side(type, group, lanes) : 0;
    if (done == group.count) return;
    float variance[Group::max_subs];
    if (group.importance != nullptr) {
        super_block_variances(type.variance, group.values.from(done * super_block_elems),
                              group.count - done, type.sub_blocks(), variance);
    }
    float* const scales = group.scales_and_mins + done * type.sub_blocks();
    kernels::fit_affine(group.spec(type), group.problems(type, done, variance),
                        {scales, scales + group.count * type.sub_blocks(),
                         group.weight_sum + done * type.sub_blocks()});
}

/// Integer scales by the largest one.
template <class Block>
void scale_by_largest(Group& group) {
    constexpr AffineType type = spec_of(static_cast<Block*>(nullptr));
    constexpr int subs = type.sub_blocks();
    constexpr auto highest = static_cast<float>(type.scale_levels);
    for (int s = 0; s < 2 * group.count; ++s) {
        const float* const scales = group.scales_and_mins + s * subs;
        // Four at a time: a chain of comparisons would take as long as all the rest.
        float largest_of[4] = {};
        for (int j = 0; j < subs; ++j)
            largest_of[j % 4] = scales[j] > largest_of[j % 4] ? scales[j] : largest_of[j % 4];
        const float largest = *std::ranges::max_element(largest_of);
        const float inverse = largest > 0 ? highest / largest : 0.0f;
        for (int j = 0; j < subs; ++j) {
            group.integers[s * subs + j] =
                static_cast<std::uint8_t>(nearest_int(inverse * scales[j]));
        }
        group.factors[s] = largest / highest;
    }
}

/// Integer scales by a search of their own, each sub-block counting by its sum of weights.
void scale_by_fit(const AffineType& type, Group& group) {
    kernels::Problems problems;
    problems.values = group.scales_and_mins;
    problems.count = 2 * group.count;
    problems.size = type.sub_blocks();
    problems.weighting = Weighting::importance;
    problems.importance = group.weight_sum;
    problems.importance_period = static_cast<std::int64_t>(group.count) * type.sub_blocks();
    kernels::fit_positive(kernels::positive_sweep(type.scale_levels), problems, group.factors,
                          group.integers);
}

/// Scale and min of each sub-block of a block as stored.
template <class Block>
void stored_scales(const Block& block, float* scales, float* mins) {
    constexpr int subs = spec_of(static_cast<Block*>(nullptr)).sub_blocks();
    std::uint8_t integer_scales[16], integer_mins[16];
    load_scales(block, integer_scales, integer_mins);
    const float d = f16_to_f32(block.d);
    const float dmin = f16_to_f32(block.dmin);
    for (int j = 0; j < subs; ++j) {
        scales[j] = d * static_cast<float>(integer_scales[j]);
        mins[j] = dmin * static_cast<float>(integer_mins[j]);
    }
}

/// The levels with which the search found its scales, for those sub-blocks of super-block `s` whose
/// stored scale is zero. Hardly any is, so that the search does not keep what it had these levels
/// by but is done again for them.
template <class Block>
void search_levels(const Group& group, int s, const float* scales, std::uint8_t* levels) {
    constexpr AffineType type = spec_of(static_cast<Block*>(nullptr));
    constexpr int subs = type.sub_blocks(), size = type.sub_elems;
    float values[super_block_elems], importance[super_block_elems], variance[subs];
    kernels::Problems problems = group.problems(type, 0, variance);
    int listed[subs], count = 0;
    for (int j = 0; j < subs; ++j) {
        if (scales[j] != 0) continue;
        float* const own = values + count * size;
        kernels::widen(group.values.from(s * super_block_elems + j * size), size, own);
        // One number at or below zero: no search finds a scale for it, and its levels are zeros.
        if (own[0] <= 0 && std::all_of(own, own + size, [&](float v) { return v == own[0]; })) {
            std::fill_n(levels + j * size, size, std::uint8_t{0});
            continue;
        }
        if (group.importance != nullptr) {
            const std::int64_t column =
                (group.importance_start + s * super_block_elems) % group.cols + j * size;
            std::copy_n(group.importance + column, size, importance + count * size);
        }
        listed[count++] = j;
    }
    if (count == 0) return;
    problems.values = values;
    problems.count = count;
    if (group.importance != nullptr) {
        problems.importance = importance;
        problems.importance_offset = 0;
        problems.importance_period = std::int64_t{count} * size;
        super_block_variances(type.variance, group.values.from(s * super_block_elems), 1, count,
                              variance);
    }
    float scale[subs], min[subs], weight_sum[subs], inverse[subs], base[subs];
    kernels::fit_affine(group.spec(type), problems, {scale, min, weight_sum, inverse, base});
    for (int k = 0; k < count; ++k) {
        kernels::level_by_inverse(values + k * size, 1, size, inverse + k, base + k,
                                  {0, type.levels, 0}, levels + listed[k] * size);
    }
}

/// Writes the scales of a group's blocks, and puts them as stored in place of those of the search.
template <class Block>
void store_group_scales(Group& group, Block* blocks) {
    constexpr int subs = spec_of(static_cast<Block*>(nullptr)).sub_blocks();
    float* const mins = group.scales_and_mins + group.count * subs;
    for (int s = 0; s < group.count; ++s) {
        blocks[s].d = f32_to_f16(group.factors[s]);
        blocks[s].dmin = f32_to_f16(group.factors[group.count + s]);
        store_scales(group.integers + s * subs, group.integers + (group.count + s) * subs,
                     blocks[s]);
        stored_scales(blocks[s], group.scales_and_mins + s * subs, mins + s * subs);
    }
}

/// Writes the levels of a group's blocks for the scales as stored; where one is zero, those of the
/// search. Returns whether all values in F16 are finite.
template <class Block>
bool store_group_levels(Group& group, Block* blocks) {
    constexpr AffineType type = spec_of(static_cast<Block*>(nullptr));
    constexpr int subs = type.sub_blocks();
    const float* const scales = group.scales_and_mins;
    const bool all_finite =
        kernels::relevel(group.values, std::int64_t{group.count} * subs, type.sub_elems, scales,
                         scales + group.count * subs, {0, type.levels, 0}, group.levels);
    for (int s = 0; s < group.count; ++s) {
        std::uint8_t* const levels = group.levels + s * super_block_elems;
        if (count_zeros(scales + s * subs, subs) != 0) {
            search_levels<Block>(group, s, scales + s * subs, levels);
        }
        store_levels(levels, blocks[s]);
    }
    return all_finite;
}

/// Returns the index of the first F16 that is not finite, -1 when there is none.
template <class Block>
std::int64_t encode(const kernels::StoredValues& values, std::int64_t rows, std::int64_t cols,
                    const float* weights, std::byte* blocks) {
    constexpr AffineType type = spec_of(static_cast<Block*>(nullptr));
    const std::int64_t super_blocks = rows * cols / super_block_elems;
    Group group;
    SideBySide lanes({weights, cols});
    for (std::int64_t first = 0; first < super_blocks; first += group.count) {
        group.values = values.from(first * super_block_elems);
        group.count =
            static_cast<int>(std::min<std::int64_t>(group_super_blocks, super_blocks - first));
        group.importance = weights;
        group.importance_start = first * super_block_elems % cols;
        group.cols = cols;
        fit(type, group, lanes);
        if (weights != nullptr) {
            scale_by_fit(type, group);
        } else {
            scale_by_largest<Block>(group);
        }
        if (weights != nullptr ? type.weighted_caps_scales : type.plain_caps_scales) {
            const auto highest = static_cast<std::uint8_t>(type.scale_levels);
            for (int j = 0; j < 2 * group.count * type.sub_blocks(); ++j) {
                group.integers[j] = std::min(group.integers[j], highest);
            }
        }
        Block group_blocks[group_super_blocks];
        store_group_scales(group, group_blocks);
        if (!store_group_levels(group, group_blocks)) {
            return kernels::find_non_finite_half(values, rows * cols);
        }
        std::memcpy(blocks + first * static_cast<std::int64_t>(sizeof(Block)), group_blocks,
                    static_cast<std::size_t>(group.count) * sizeof(Block));
    }
    return -1;
}

template <class Block>
void decode(const std::byte* blocks, std::int64_t elems, float* values) {
    constexpr AffineType type = spec_of(static_cast<Block*>(nullptr));
    for (std::int64_t start = 0; start < elems; start += super_block_elems) {
        Block block;
        std::memcpy(&block, blocks, sizeof(Block));
        blocks += sizeof(Block);
        float scales[type.sub_blocks()], mins[type.sub_blocks()];
        std::int8_t levels[super_block_elems];
        stored_scales(block, scales, mins);
        load_levels(block, levels);
        kernels::expand_levels(levels, type.sub_blocks(), type.sub_elems, scales, mins,
                               values + start);
    }
}

template <class Block>
std::int64_t find_bad_block(const std::byte* blocks, std::int64_t block_count) {
    for (std::int64_t b = 0; b < block_count; ++b) {
        Block block;
        std::memcpy(&block, blocks + b * static_cast<std::int64_t>(sizeof(Block)), sizeof(Block));
        if (is_bad_f16(block.d) || is_bad_f16(block.dmin)) return b;
    }
    return -1;
}

template <class Block>
constexpr Format make_format(TensorType type) noexcept {
    return make_k_format<encode<Block>, decode<Block>, find_bad_block<Block>>(type);
}

}  // namespace

const Format q2_k = make_format<BlockQ2K>(TensorType::Q2_K);
const Format q4_k = make_format<BlockQ4K>(TensorType::Q4_K);
const Format q5_k = make_format<BlockQ5K>(TensorType::Q5_K);

}  // namespace quantize::formats

// IQ1_S and IQ1_M: three levels, eight weights together one of 2048 points of a grid. A sub-block
// has a 3-bit scale and a shift of its levels by plus or minus an eighth: in IQ1_S per 32 weights,
// in IQ1_M a scale per 16 and a shift per 8.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <span>

#include "base/float16.h"
#include "formats/families.h"
#include "formats/iq_grid_tables.h"
#include "formats/iq_grids.h"
#include "formats/iq_ternary_blocks.h"
#include "formats/packing.h"
#include "formats/rounding.h"
#include "formats/tiles.h"
#include "kernels/fit.h"
#include "kernels/ternary.h"

namespace quantize::formats {
namespace {

using kernels::ternary_group;
using kernels::ternary_minus;
using kernels::ternary_plus;
using kernels::TernaryQuery;
using kernels::TernarySplit;

constexpr std::size_t super_elems = ternary_super_elems;

/// What tells the two types apart where they share code. Shifts are numbered as in TernarySplit.
struct SSpec {
    using Block = SBlock;
    static constexpr std::size_t sub_elems = 32;
    static constexpr auto split = kernels::split_ternary_32;
    static constexpr bool is_minus(int shifts, std::size_t /*group*/) { return shifts == 1; }
};

struct MSpec {
    using Block = MBlock;
    static constexpr std::size_t sub_elems = 16;
    static constexpr auto split = kernels::split_ternary_16;
    static constexpr bool is_minus(int shifts, std::size_t group) {
        return (group == 0 ? shifts & 2 : shifts & 1) != 0;
    }
};

template <class Spec>
constexpr std::size_t subs_per_block = super_elems / Spec::sub_elems;
template <class Spec>
constexpr std::size_t groups_per_sub = Spec::sub_elems / ternary_group;

/// A sub-block as it will be stored, but for its scale, which is still exact.
struct SubBlock {
    float scale = 0;
    int shifts = 0;
    std::array<std::uint16_t, 4> points{};
};

/// Super-blocks handled at a time.
constexpr std::size_t chunk_blocks = 8;
constexpr std::size_t chunk_elems = chunk_blocks * super_elems;

template <class Spec>
struct Chunk {
    const float* values;
    std::size_t blocks;
    std::array<float, chunk_elems> weights;
    std::array<SubBlock, chunk_blocks * subs_per_block<Spec>> subs;
    /// Blocks that cannot be encoded as they are, because their sums overflow.
    std::array<bool, chunk_blocks> overflows{};
};

template <class Spec>
const float* levels_of(int shifts, std::size_t group) {
    return Spec::is_minus(shifts, group) ? ternary_minus : ternary_plus;
}

template <class Spec>
void weigh(Chunk<Spec>& chunk, const float* importance) {
    std::array<float, chunk_blocks> means{};
    if (importance != nullptr) {
        kernels::sum_squares(chunk.values, static_cast<std::int64_t>(chunk.blocks), super_elems,
                             means.data());
        for (float& mean : means)
            mean = 2 * mean / super_elems;
    }
    kernels::weigh_ternary(chunk.values, importance, means.data(), super_elems,
                           chunk.blocks * super_elems, chunk.weights.data());
}

/// Where a query's answer goes.
struct Group {
    std::uint16_t sub;
    std::uint16_t group;
    std::uint32_t list_begin;
};

/// Takes over the splits and finds the points of the grid. Groups that are not on the grid move
/// to a neighbour; `moved` tells which sub-blocks have such groups.
template <class Spec>
void place_on_grid(Chunk<Spec>& chunk, const Grid& grid, std::span<const TernarySplit> splits,
                   std::span<bool> moved) {
    constexpr std::size_t sub_elems = Spec::sub_elems;
    std::array<TernaryQuery, chunk_blocks * groups_per_block> queries{};
    std::array<Group, chunk_blocks * groups_per_block> askers;
    std::array<std::int32_t, chunk_blocks * groups_per_block> positions;
    std::size_t asked = 0;
    for (std::size_t sub = 0; sub < splits.size(); ++sub) {
        const TernarySplit& split = splits[sub];
        SubBlock& out = chunk.subs[sub] = SubBlock{};
        moved[sub] = false;
        if (split.shifts < 0) continue;
        out.scale = split.scale;
        out.shifts = split.shifts;
        for (std::size_t group = 0; group < groups_per_sub<Spec>; ++group) {
            const std::uint16_t code = split.codes[group];
            out.points[group] = grid.index_of_code[code];
            if (grid.map[code] >= 0) continue;
            moved[sub] = true;
            const NeighbourList& list = grid.lists[static_cast<std::size_t>(-1 - grid.map[code])];
            const std::size_t at = sub * sub_elems + group * ternary_group;
            queries[asked] = {
                &grid.neighbour_words[list.begin], list.count,  chunk.values + at,
                chunk.weights.data() + at,         split.scale, levels_of<Spec>(out.shifts, group)};
            askers[asked++] = {static_cast<std::uint16_t>(sub), static_cast<std::uint16_t>(group),
                               list.begin};
        }
    }
    kernels::find_ternary_neighbours(queries.data(), asked, positions.data());
    for (std::size_t q = 0; q < asked; ++q) {
        const Group& asker = askers[q];
        if (positions[q] < 0) chunk.overflows[asker.sub / subs_per_block<Spec>] = true;
        const auto position = static_cast<std::uint32_t>(std::max(positions[q], 0));
        chunk.subs[asker.sub].points[asker.group] = grid.neighbours[asker.list_begin + position];
    }
}

/// The scale that fits a sub-block's points best; the one it has when they fit nothing.
template <class Spec>
float refit(const Chunk<Spec>& chunk, std::size_t sub, const Grid& grid) {
    const SubBlock& found = chunk.subs[sub];
    const float* value = chunk.values + sub * Spec::sub_elems;
    const float* weight = chunk.weights.data() + sub * Spec::sub_elems;
    float product = 0, square = 0;
    for (std::size_t group = 0; group < groups_per_sub<Spec>; ++group) {
        const float* levels = levels_of<Spec>(found.shifts, group);
        const std::int8_t* point = &grid.point_levels[found.points[group] * ternary_group];
        for (std::size_t j = 0; j < ternary_group; ++j) {
            const float level = levels[point[j]];
            const float weighted = *weight++ * level;
            product += weighted * *value++;
            square += weighted * level;
        }
    }
    return product > 0 && square > 0 ? product / square : found.scale;
}

/// Everything up to the scales of the sub-blocks.
template <class Spec>
void fit(Chunk<Spec>& chunk, const float* importance) {
    const Grid& grid = iq1_grid();
    const std::size_t subs = chunk.blocks * subs_per_block<Spec>;
    std::array<TernarySplit, chunk_blocks * subs_per_block<Spec>> splits;
    std::array<bool, chunk_blocks * subs_per_block<Spec>> moved;
    weigh(chunk, importance);
    Spec::split(chunk.values, chunk.weights.data(), subs, splits.data());
    chunk.overflows.fill(false);
    place_on_grid(chunk, grid, std::span(splits).first(subs), std::span(moved).first(subs));
    for (std::size_t sub = 0; sub < subs; ++sub) {
        float& scale = chunk.subs[sub].scale;
        if (moved[sub]) scale = refit(chunk, sub, grid);
        if (!(scale >= 0)) chunk.overflows[sub / subs_per_block<Spec>] = true;
    }
}

/// The odd multiple 2 * l + 1 of the block's scale that comes nearest to a sub-block's.
int nearest_multiple(float inverse_scale, float sub_scale) {
    return std::clamp(nearest_int(0.5f * (inverse_scale * sub_scale - 1)), 0, 7);
}

template <class Spec>
float largest_scale(const Chunk<Spec>& chunk, std::size_t index) {
    float largest = 0;
    for (std::size_t s = 0; s < subs_per_block<Spec>; ++s) {
        largest = std::max(largest, chunk.subs[index * subs_per_block<Spec> + s].scale);
    }
    return largest;
}

/// Fills in everything but the block's scale, which is returned. (Highest scale 15 times the
/// block's; the factors at the end make up for what rounding takes away.)
float pack(const Chunk<SSpec>& chunk, std::size_t index, SBlock& block) {
    constexpr std::size_t groups = groups_per_sub<SSpec>;
    const SubBlock* subs = &chunk.subs[index * subs_per_block<SSpec>];
    const float scale = largest_scale(chunk, index) / 15;
    const float inverse = 1 / scale;
    block = SBlock{};
    for (std::size_t s = 0; s < subs_per_block<SSpec>; ++s) {
        unsigned high = 0;
        for (std::size_t group = 0; group < groups; ++group) {
            block.low[s * groups + group] = static_cast<std::uint8_t>(subs[s].points[group]);
            high |= (subs[s].points[group] >> 8u) << (3 * group);
        }
        if (scale > 0) {
            const int multiple = nearest_multiple(inverse, subs[s].scale);
            high |= static_cast<unsigned>(multiple | subs[s].shifts << 3) << 12;
        }
        block.high[s] = static_cast<std::uint16_t>(high);
    }
    return scale > 0 ? scale * 1.125f : 0.0f;
}

/// IQ1_M fits the block's scale once more, to the stored multiples.
float pack(const Chunk<MSpec>& chunk, std::size_t index, MBlock& block) {
    const std::size_t first = index * subs_per_block<MSpec>;
    const float largest = largest_scale(chunk, index);
    const float scale = largest / 15;
    const float inverse = 1 / scale;
    const Grid& grid = iq1_grid();
    const float* value = chunk.values + index * super_elems;
    const float* weight = chunk.weights.data() + index * super_elems;
    float product = 0, square = 0;
    block = MBlock{};
    for (std::size_t s = 0; s < subs_per_block<MSpec>; ++s) {
        const SubBlock& sub = chunk.subs[first + s];
        block.low[2 * s] = static_cast<std::uint8_t>(sub.points[0]);
        block.low[2 * s + 1] = static_cast<std::uint8_t>(sub.points[1]);
        unsigned high = (sub.points[0] >> 8u) | (sub.points[1] >> 8u) << 4;
        if (largest > 0) {
            const int multiple = nearest_multiple(inverse, sub.scale);
            block.scales[s / 4] |= static_cast<std::uint16_t>(multiple << (3 * (s % 4)));
            high |= (sub.shifts & 2 ? 0x08u : 0u) | (sub.shifts & 1 ? 0x80u : 0u);
            for (std::size_t group = 0; group < 2; ++group) {
                const float* levels = levels_of<MSpec>(sub.shifts, group);
                const std::int8_t* point = &grid.point_levels[sub.points[group] * ternary_group];
                for (std::size_t j = 0; j < ternary_group; ++j) {
                    const float level = levels[point[j]] * static_cast<float>(2 * multiple + 1);
                    const float weighted = *weight++ * level;
                    product += weighted * *value++;
                    square += weighted * level;
                }
            }
        }
        block.high[s] = static_cast<std::uint8_t>(high);
    }
    if (!(largest > 0)) return 0;
    return (square > 0 ? product / square : scale) * 1.1125f;
}

/// Brings numbers to ordinary size: the largest magnitude becomes 1 to 2, or the factor is 0 and
/// there is nothing but zeros. Infinities count as the largest number, NaN as zero.
int scale_down(std::span<const float> from, std::span<float> to) {
    const auto finite = [](float v) {
        return std::isnan(v) ? 0.0f : std::clamp(v, -0x1.FFFFFEp127f, 0x1.FFFFFEp127f);
    };
    float largest = 0;
    for (const float v : from)
        largest = std::max(largest, std::fabs(finite(v)));
    const int exponent = largest > 0 ? std::ilogb(largest) : 0;
    std::ranges::transform(from, to.begin(),
                           [&](float v) { return std::ldexp(finite(v), -exponent); });
    return exponent;
}

/// Encodes a block whose sums overflow: values and weights are scaled by powers of two, which
/// changes nothing but the exponents, and the scale is brought back, to the largest binary16 at
/// most. The reference aborts here.
template <class Spec>
typename Spec::Block encode_overflowing(const float* values, const float* importance) {
    std::array<float, super_elems> scaled_values, scaled_importance;
    const int exponent = scale_down({values, super_elems}, scaled_values);
    if (importance != nullptr) scale_down({importance, super_elems}, scaled_importance);
    Chunk<Spec> chunk{};
    chunk.values = scaled_values.data();
    chunk.blocks = 1;
    fit(chunk, importance != nullptr ? scaled_importance.data() : nullptr);
    typename Spec::Block block;
    const float scale = std::ldexp(pack(chunk, 0, block), exponent);
    put_scale(block, f32_to_f16(std::clamp(scale, -65504.0f, 65504.0f)));
    return block;
}

template <class Spec>
void encode_chunk(Chunk<Spec>& chunk, const float* importance, std::byte* blocks) {
    fit(chunk, importance);
    for (std::size_t b = 0; b < chunk.blocks; ++b) {
        const std::size_t at = b * super_elems;
        typename Spec::Block block;
        if (chunk.overflows[b]) {
            block = encode_overflowing<Spec>(chunk.values + at,
                                             importance != nullptr ? importance + at : nullptr);
        } else {
            const float scale = pack(chunk, b, block);
            put_scale(block, scale_to_f16(scale));
        }
        store(block, blocks + b * sizeof block);
    }
}

template <class Spec>
void encode(const float* values, std::int64_t rows, std::int64_t cols, const float* weights,
            std::byte* blocks) {
    const auto row_elems = static_cast<std::size_t>(cols);
    Chunk<Spec> chunk;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::size_t at = 0; at < row_elems; at += chunk_elems) {
            chunk.values = values + at;
            chunk.blocks = std::min(chunk_elems, row_elems - at) / super_elems;
            encode_chunk(chunk, weights != nullptr ? weights + at : nullptr, blocks);
            blocks += chunk.blocks * sizeof(typename Spec::Block);
        }
        values += row_elems;
    }
}

template <class Block>
void decode(const std::byte* blocks, std::int64_t elems, float* values) {
    static const auto points =
        decode_points<ternary_group, 2>(tables::iq1_points, std::array<std::int8_t, 3>{-1, 0, 1});
    for (std::int64_t b = 0; b < elems / static_cast<std::int64_t>(super_elems); ++b) {
        const auto block = load<Block>(blocks + b * static_cast<std::int64_t>(sizeof(Block)));
        const float scale = f16_to_f32(get_scale(block));
        std::array<kernels::TernaryGroup, groups_per_block> groups;
        for (std::size_t g = 0; g < groups_per_block; ++g) {
            const GroupFields fields = get_group(block, g);
            groups[g] = {points[fields.point].data(),
                         scale * static_cast<float>(2 * fields.multiple + 1),
                         fields.minus ? -kernels::ternary_shift : kernels::ternary_shift};
        }
        kernels::expand_ternary(groups.data(), groups.size(), values);
        values += super_elems;
    }
}

template <class Block>
std::int64_t find_bad_block(const std::byte* blocks, std::int64_t block_count) {
    for (std::int64_t b = 0; b < block_count; ++b) {
        if (is_bad_f16(
                get_scale(load<Block>(blocks + b * static_cast<std::int64_t>(sizeof(Block))))))
            return b;
    }
    return -1;
}

}  // namespace

// A mean over a super-block enters the weights, none over the row: rows may be cut.
extern const Format iq1_s{TensorType::IQ1_S, WeightUse::required, false,
                          encode<SSpec>,     decode<SBlock>,      find_bad_block<SBlock>};
extern const Format iq1_m{TensorType::IQ1_M, WeightUse::optional, false,
                          encode<MSpec>,     decode<MBlock>,      find_bad_block<MBlock>};

}  // namespace quantize::formats

// Tiles of sub-blocks for the splits of IQ1_S and IQ1_M: loading, sorting, and writing the splits
// that were found. One lane is one sub-block; each lane sorts and compares as a scalar loop would.
// Compiled once per target, in ternary.cpp.
#if defined(QUANTIZE_KERNELS_TERNARY_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_TERNARY_TILE_INL_H_
#undef QUANTIZE_KERNELS_TERNARY_TILE_INL_H_
#else
#define QUANTIZE_KERNELS_TERNARY_TILE_INL_H_
#endif

#include <limits>

#include "kernels/lanes-inl.h"
#include "kernels/ternary.h"
#include "kernels/ternary_network.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

using ternary::Comparator;
using ternary::network;

/// The code of eight values that all have the highest level: mirrored levels are this minus code.
inline constexpr int highest_code = 6560;

/// As many sub-blocks of n values as there are lanes, transposed: entry j of lane l is value j of
/// sub-block l.
template <std::size_t n>
struct Tile {
    HWY_ALIGN float value[n * max_lanes];
    // The same in ascending order, with the weights and the positions before sorting.
    HWY_ALIGN float sorted[n * max_lanes];
    HWY_ALIGN float weight[n * max_lanes];
    HWY_ALIGN float position[n * max_lanes];
};

/// Copies sub-blocks first .. first + lanes - 1; lanes past the last one repeat it.
template <std::size_t n>
void load_tile(const float* values, const float* weights, std::size_t first, std::size_t count,
               Tile<n>& tile) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    const float* value_rows[max_lanes];
    const float* weight_rows[max_lanes];
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const std::size_t at = HWY_MIN(first + lane, count - 1) * n;
        value_rows[lane] = values + at;
        weight_rows[lane] = weights + at;
    }
    transpose_to_tile(value_rows, lanes, n, tile.value);
    transpose_to_tile(weight_rows, lanes, n, tile.weight);
    for (std::size_t j = 0; j < n; ++j) {
        hn::Store(hn::Load(df, tile.value + j * lanes), df, tile.sorted + j * lanes);
        hn::Store(hn::Set(df, static_cast<float>(j)), df, tile.position + j * lanes);
    }
}

/// Sorts each lane by value, equal values by position, which is what a stable sort does.
template <std::size_t n>
void sort_tile(Tile<n>& tile) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    for (const Comparator comparator : network<n>) {
        const std::size_t low = comparator.low * lanes;
        const std::size_t high = comparator.high * lanes;
        const Floats value0 = hn::Load(df, tile.sorted + low);
        const Floats value1 = hn::Load(df, tile.sorted + high);
        const Floats position0 = hn::Load(df, tile.position + low);
        const Floats position1 = hn::Load(df, tile.position + high);
        const Floats weight0 = hn::Load(df, tile.weight + low);
        const Floats weight1 = hn::Load(df, tile.weight + high);
        const auto swap = hn::Or(hn::Lt(value1, value0),
                                 hn::And(hn::Eq(value1, value0), hn::Lt(position1, position0)));
        hn::Store(hn::IfThenElse(swap, value1, value0), df, tile.sorted + low);
        hn::Store(hn::IfThenElse(swap, value0, value1), df, tile.sorted + high);
        hn::Store(hn::IfThenElse(swap, position1, position0), df, tile.position + low);
        hn::Store(hn::IfThenElse(swap, position0, position1), df, tile.position + high);
        hn::Store(hn::IfThenElse(swap, weight1, weight0), df, tile.weight + low);
        hn::Store(hn::IfThenElse(swap, weight0, weight1), df, tile.weight + high);
    }
}

/// The best trial so far, per lane; `tag` names it and is -1 before the first.
struct Best {
    HWY_ALIGN float scale[max_lanes];
    HWY_ALIGN std::int32_t tag[max_lanes];
};

constexpr int make_tag(std::size_t first, std::size_t second, int shifts) {
    return static_cast<int>(first << 16 | second << 8) | shifts;
}

/// The first sorted entry above a boundary, per lane: the level of a value goes up there.
struct Boundary {
    HWY_ALIGN float value[max_lanes];
    HWY_ALIGN float position[max_lanes];

    template <std::size_t n>
    void set(const Tile<n>& tile, std::size_t lanes, std::size_t lane, std::size_t at) {
        const bool inside = at < n;
        value[lane] =
            inside ? tile.sorted[at * lanes + lane] : std::numeric_limits<float>::infinity();
        position[lane] = inside ? tile.position[at * lanes + lane] : static_cast<float>(n);
    }
};

/// -1 in the lanes whose value at `position` is at or above the boundary, else 0.
HWY_INLINE Ints reaches(Floats value, Floats position, const Boundary& boundary) {
    const FloatTag df;
    const Floats limit = hn::Load(df, boundary.value);
    const auto above = hn::Gt(value, limit);
    const auto same =
        hn::And(hn::Eq(value, limit), hn::Ge(position, hn::Load(df, boundary.position)));
    return hn::BitCast(IntTag(), hn::VecFromMask(df, hn::Or(above, same)));
}

/// Turns the best trials into splits of the tile's first `count` sub-blocks.
template <std::size_t n>
void write_splits(const Tile<n>& tile, const Best& best, std::size_t count, TernarySplit* splits) {
    constexpr int last_shifts = n == 32 ? 1 : 3;
    const FloatTag df;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(df);
    Boundary first, second;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const int tag = best.tag[lane] < 0 ? 0 : best.tag[lane];
        first.set(tile, lanes, lane, static_cast<std::size_t>(tag >> 16));
        second.set(tile, lanes, lane, static_cast<std::size_t>(tag >> 8 & 255));
        if (lane >= count) continue;
        // A negative scale means that the levels and the shifts are to be mirrored.
        const bool mirrored = best.scale[lane] < 0;
        const int shifts = tag & 255;
        splits[lane].scale = mirrored ? -best.scale[lane] : best.scale[lane];
        splits[lane].shifts = best.tag[lane] < 0 ? -1 : mirrored ? last_shifts - shifts : shifts;
    }
    for (std::size_t group = 0; group < n / ternary_group; ++group) {
        Ints code = hn::Zero(di);
        for (std::size_t i = ternary_group; i-- > 0;) {
            const std::size_t j = group * ternary_group + i;
            const Floats value = hn::Load(df, tile.value + j * lanes);
            const Floats position = hn::Set(df, static_cast<float>(j));
            code = hn::Add(hn::Add(code, code), code);
            code = hn::Sub(code, reaches(value, position, first));
            code = hn::Sub(code, reaches(value, position, second));
        }
        const auto mirrored = hn::Lt(hn::Load(df, best.scale), hn::Zero(df));
        code = hn::IfThenElse(hn::RebindMask(di, mirrored),
                              hn::Sub(hn::Set(di, highest_code), code), code);
        HWY_ALIGN std::int32_t codes[max_lanes];
        hn::Store(code, di, codes);
        for (std::size_t lane = 0; lane < count; ++lane) {
            splits[lane].codes[group] = static_cast<std::uint16_t>(codes[lane]);
        }
    }
}

/// Lanes whose values are all smaller than `smallest_maximum` have no split.
template <std::size_t n>
void drop_empty(const Tile<n>& tile, float smallest_maximum, Best& best) {
    const FloatTag df;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(df);
    // The largest magnitude is at one end of the sorted values.
    const Floats lowest = hn::Abs(hn::Load(df, tile.sorted));
    const Floats highest = hn::Abs(hn::Load(df, tile.sorted + (n - 1) * lanes));
    const Floats limit = hn::Set(df, smallest_maximum);
    const auto empty = hn::And(hn::Lt(lowest, limit), hn::Lt(highest, limit));
    hn::Store(hn::IfThenElse(hn::RebindMask(di, empty), hn::Set(di, -1), hn::Load(di, best.tag)),
              di, best.tag);
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

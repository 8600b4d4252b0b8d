// The search of Q3_K without importance weights: levels from the largest value, then coordinate
// descent instead of a sweep.
//
// In most problems no level ever moves, and one look at each level shows it. Only the others, about
// a quarter, are gathered into tiles of their own for the descent, which would otherwise go on in
// all lanes until the last is done.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fit_symmetric_descent.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>
#include <bit>

#include "kernels/fit.h"
#include "kernels/fit_descent-inl.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

/// Problems that are looked at before the unsettled ones of them are gathered.
inline constexpr std::int64_t batch_problems = 256;

/// Tiles whose first rounds go side by side.
inline constexpr int most_tiles = 2;

/// What the search keeps of the problems of one tile, by column.
struct Search {
    DescentTile tile;  ///< its terms of ll are for the whole descent only
    DescentSums sums;
    HWY_ALIGN float flags[max_columns];  ///< 1 where a problem holds anything to speak of, else 0
    HWY_ALIGN float scales[max_columns];
};

/// The scale that takes the value of largest magnitude to the lowest level, inverted.
HWY_INLINE Floats first_inverse(LevelBounds bounds, std::size_t column, Search& search) {
    const FloatTag d;
    Floats largest = find_largest_magnitude(search.tile, column);
    store_flags(ensure_magnitude(largest), column, search.flags);
    return hn::Div(hn::Set(d, static_cast<float>(bounds.lowest)), largest);
}

/// The first levels as floats, their terms of the sum xl, and both sums.
HWY_INLINE void take_levels(LevelBounds bounds, Search& search) {
    const FloatTag d;
    DescentTile& tile = search.tile;
    const std::size_t columns = tile.columns;
    const std::size_t end = tile.size * columns;
    const Floats highest = hn::Set(d, static_cast<float>(bounds.highest));
    for (std::size_t column = 0; column < columns; column += hn::Lanes(d)) {
        const Floats inverse = first_inverse(bounds, column, search);
        Floats sum_xl = hn::Zero(d), sum_ll = hn::Zero(d);
        for (std::size_t at = column; at < end; at += columns) {
            const Floats x = hn::Load(d, tile.values + at);
            const Floats w = hn::Mul(x, x);
            // No value is larger than the one that goes to the lowest level.
            const Floats level = clamp_to_positive(nearest_in_range(hn::Mul(inverse, x)), highest);
            const Floats xl = hn::Mul(hn::Mul(w, x), level);
            sum_xl = hn::Add(sum_xl, xl);
            sum_ll = hn::Add(sum_ll, hn::Mul(hn::Mul(w, level), level));
            hn::Store(level, d, tile.levels + at);
            hn::Store(xl, d, tile.xl_terms + at);
        }
        hn::Store(sum_xl, d, search.sums.xl + column);
        hn::Store(sum_ll, d, search.sums.ll + column);
    }
}

/// Whether a sum is far from what a float cannot hold.
HWY_INLINE Mask is_ordinary(Floats sum) {
    const FloatTag d;
    return hn::And(hn::Gt(sum, hn::Set(d, 0x1p-80f)), hn::Lt(sum, hn::Set(d, 0x1p80f)));
}

/// Stores the scales that fit the levels best if none moves any more. Returns the columns in which
/// a level may want to, as bits. Takes no division for a level:
///
/// The level that a value x wants is x * others_ll / others_xl, rounded and clamped, where the sums
/// leave out its own terms x * x * level * level and x * x * x * level. Before rounding that lies
/// (x * sum_ll / sum_xl - level) / (1 - share) from its level, where share is the value's part of
/// sum_xl. The level stays where that is less than a half. Where sum_xl is negative (the largest
/// value is positive), others_xl is negative too and nothing moves, unless one value has all but a
/// thousandth of the sum.
///
/// What comes within a thousandth of a half, hundreds of times what rounding can do, counts as
/// unsettled, and so do sums that may have lost digits at the ends of what a float can hold.
HWY_INLINE std::uint32_t look_once(LevelBounds bounds, Search& search) {
    const FloatTag d;
    const DescentTile& tile = search.tile;
    const Floats lowest = hn::Set(d, static_cast<float>(bounds.lowest));
    const Floats highest = hn::Set(d, static_cast<float>(bounds.highest));
    std::uint32_t unsettled = 0;
    const Floats magnitude_bits = hn::BitCast(d, hn::Set(IntTag(), 0x7FFFFFFF));
    for (std::size_t column = 0; column < tile.columns; column += hn::Lanes(d)) {
        const Floats sum_xl = hn::Load(d, search.sums.xl + column);
        const Floats sum_ll = hn::Load(d, search.sums.ll + column);
        const Floats inverse = hn::Div(sum_ll, sum_xl);
        const Floats half_by_sum = hn::Div(hn::Set(d, 0.5f), sum_xl);
        const Floats counted_bits = hn::IfThenElseZero(hn::Gt(sum_xl, hn::Zero(d)), magnitude_bits);
        Floats most = hn::Zero(d);
        for (std::size_t at = column; at < tile.size * tile.columns; at += tile.columns) {
            const Floats x = hn::Load(d, tile.values + at);
            const Floats level = hn::Load(d, tile.levels + at);
            const Floats wanted = clamp_to_positive(hn::Max(hn::Mul(x, inverse), lowest), highest);
            const Floats distance = hn::And(hn::Sub(wanted, level), counted_bits);
            const Floats xl = hn::Load(d, tile.xl_terms + at);
            most = hn::Max(most, hn::MulAdd(xl, half_by_sum, distance));
        }
        const Mask ordinary = hn::And(is_ordinary(hn::Abs(sum_xl)), is_ordinary(sum_ll));
        const Mask settled = hn::And(hn::Lt(most, hn::Set(d, 0.5f - 0x1p-11f)), ordinary);
        const Mask empty = hn::Eq(hn::Load(d, search.flags + column), hn::Zero(d));
        unsettled |= bits_of(hn::Not(hn::Or(empty, settled))) << column;
        store_scale(search.flags, column, sum_xl, sum_ll, search.scales);
    }
    return unsettled;
}

/// Levels as they start and all that the descent keeps of them.
HWY_INLINE void start(LevelBounds bounds, Search& search) {
    const FloatTag d;
    DescentTile& tile = search.tile;
    const std::size_t columns = tile.columns;
    const std::size_t end = tile.size * columns;
    for (std::size_t column = 0; column < columns; column += hn::Lanes(d)) {
        const Floats inverse = first_inverse(bounds, column, search);
        Floats sum_xl = hn::Zero(d), sum_ll = hn::Zero(d);
        for (std::size_t at = column; at < end; at += columns) {
            const Floats x = hn::Load(d, tile.values + at);
            const Floats w = hn::Mul(x, x);
            hn::Store(w, d, tile.weights + at);
            start_level<symmetric_descent>(tile, at, x, w, inverse, bounds, sum_xl, sum_ll);
        }
        hn::Store(sum_xl, d, search.sums.xl + column);
        hn::Store(sum_ll, d, search.sums.ll + column);
    }
}

/// The rounds after the first, in which few levels move.
HWY_INLINE void descend_further(LevelBounds bounds, Search& search) {
    const FloatTag d;
    for (std::size_t column = 0; column < search.tile.columns; column += hn::Lanes(d)) {
        Floats sum_xl = hn::Load(d, search.sums.xl + column);
        Floats sum_ll = hn::Load(d, search.sums.ll + column);
        descend<symmetric_descent>(search.tile, column, bounds, sum_xl, sum_ll, descent_rounds - 1);
        store_scale(search.flags, column, sum_xl, sum_ll, search.scales);
    }
}

/// Brings `used` problems into the tile: those at `list`, or those from `first` on.
HWY_INLINE void load_search(const Problems& problems, const std::int64_t* list, std::int64_t first,
                            std::int64_t used, Search& search) {
    const float* row[max_columns];
    for (std::int64_t c = 0; c < used; ++c) {
        const std::int64_t problem = list != nullptr ? list[c] : first + c;
        row[c] = problems.values + problem * problems.size;
    }
    load_values(row, used, static_cast<std::size_t>(problems.size), search.tile);
}

/// Puts the results of the problems at `list` in their places.
HWY_INLINE void store_listed(LevelBounds bounds, const std::int64_t* list, std::int64_t used,
                             const Search& search, float* scale, std::uint8_t* level_bytes) {
    std::uint8_t bytes[max_problem_size * max_columns];
    if (level_bytes != nullptr) {
        store_levels<LevelForm::biased>(search.tile, -bounds.lowest, search.flags, used, bytes);
    }
    const auto size = static_cast<std::int64_t>(search.tile.size);
    for (std::int64_t c = 0; c < used; ++c) {
        scale[list[c]] = search.scales[c];
        if (level_bytes == nullptr) continue;
        std::copy_n(bytes + c * size, size, level_bytes + list[c] * size);
    }
}

/// Searches the problems at `list`, most_tiles tiles of them at a time.
HWY_INLINE void search_listed(LevelBounds bounds, const Problems& problems,
                              const std::int64_t* list, std::int64_t count, Search* searches,
                              float* scale, std::uint8_t* level_bytes) {
    const auto columns = static_cast<std::int64_t>(tile_columns());
    for (std::int64_t first = 0; first < count;) {
        std::int64_t used[most_tiles] = {};
        std::int64_t next = first;
        int tiles = 0;
        for (; tiles < most_tiles && next < count; next += used[tiles++]) {
            used[tiles] = std::min(columns, count - next);
            load_search(problems, list + next, 0, used[tiles], searches[tiles]);
            start(bounds, searches[tiles]);
        }
        if (tiles == most_tiles) {
            descend_busily<symmetric_descent>(searches[0].tile, searches[1].tile, bounds,
                                              searches[0].sums, searches[1].sums);
        } else {
            descend_busily<symmetric_descent>(searches[0].tile, bounds, searches[0].sums);
        }
        for (int t = 0; t < tiles; first += used[t++]) {
            descend_further(bounds, searches[t]);
            store_listed(bounds, list + first, used[t], searches[t], scale, level_bytes);
        }
    }
}

void fit_symmetric_descent_lanes(int level_count, const Problems& problems, float* scale,
                                 std::uint8_t* level_bytes) {
    const LevelBounds bounds{-level_count, level_count - 1};
    Search searches[most_tiles];
    Search& search = searches[0];
    std::int64_t list[batch_problems + max_columns];
    std::int64_t listed = 0;
    for (std::int64_t first = 0; first < problems.count;) {
        const std::int64_t used =
            std::min(static_cast<std::int64_t>(tile_columns()), problems.count - first);
        load_search(problems, nullptr, first, used, search);
        take_levels(bounds, search);
        std::uint32_t unsettled = look_once(bounds, search);
        // Columns beyond repeat the first.
        unsettled &= ~std::uint32_t{0} >> (max_columns - static_cast<std::size_t>(used));
        store_results(search.scales, used, scale + first);
        if (level_bytes != nullptr) {
            store_levels<LevelForm::floats>(search.tile, level_count, search.flags, used,
                                            level_bytes + first * problems.size);
        }
        for (; unsettled != 0; unsettled &= unsettled - 1)
            list[listed++] = first + std::countr_zero(unsettled);
        first += used;
        if (listed >= batch_problems || first == problems.count) {
            search_listed(bounds, problems, list, listed, searches, scale, level_bytes);
            listed = 0;
        }
    }
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit_symmetric_descent_lanes);
void fit_symmetric_descent(int levels, const Problems& problems, float* scale,
                           std::uint8_t* level_bytes) {
    HWY_DYNAMIC_DISPATCH(fit_symmetric_descent_lanes)(levels, problems, scale, level_bytes);
}

}  // namespace quantize::kernels
#endif

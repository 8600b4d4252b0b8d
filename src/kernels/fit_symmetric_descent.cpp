// The search of Q3_K without importance weights: levels from the largest value, then coordinate
// descent instead of a sweep, in rounds.
//
// In most problems no level ever moves, and one look at each level shows it. Only the others, a
// fifth, are gathered into tiles of their own for a round of the descent; then a look again, and
// only those that it leaves unsettled, three of ten, go into the next round.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fit_symmetric_descent.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>
#include <bit>

#include "kernels/fit.h"
#include "kernels/fit_descent-inl.h"
#include "kernels/fit_load-inl.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

/// Problems, and their values, that are looked at before the unsettled ones of them descend.
inline constexpr std::int64_t batch_problems = 1024;
inline constexpr std::int64_t batch_values = 16 * batch_problems;

/// Tiles that go through a round side by side.
inline constexpr int most_tiles = 2;

/// What the search keeps of the problems of one tile, by column.
struct Search {
    DescentTile tile;
    DescentSums sums;
    HWY_ALIGN float flags[max_columns];  ///< 1 where a problem holds anything to speak of, else 0
    HWY_ALIGN float scales[max_columns];
};

/// Problems whose levels may still move, in their order, and what they have reached. A round reads
/// from the front and leaves those for the next one further in front.
struct Unsettled {
    std::int64_t count = 0;
    std::int64_t problem[batch_problems];
    // From the first round on:
    std::int64_t row[batch_problems];  ///< where the problem's levels lie
    float sum_xl[batch_problems], sum_ll[batch_problems];
    HWY_ALIGN float levels[batch_values + max_problem_size * max_columns];  ///< as in the tile
};

/// Where results go.
struct Results {
    float* scale;
    std::uint8_t* level_bytes;  ///< null for none; the lowest level is zero
};

/// The scale that takes the value of largest magnitude to the lowest level, inverted.
HWY_INLINE Floats first_inverse(LevelBounds bounds, std::size_t column, Search& search) {
    const FloatTag d;
    Floats largest = find_largest_magnitude(search.tile, column);
    store_flags(ensure_magnitude(largest), column, search.flags);
    return hn::Div(hn::Set(d, static_cast<float>(bounds.lowest)), largest);
}

/// The first level of one value as a float, its term of the sum xl, and its parts of both sums.
HWY_INLINE void take_level(DescentTile& tile, std::size_t at, Floats inverse, Floats highest,
                           Floats& sum_xl, Floats& sum_ll) {
    const FloatTag d;
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

/// The first levels in both vectors of the tile's problems, side by side.
HWY_INLINE void take_levels(LevelBounds bounds, Search& search) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    DescentTile& tile = search.tile;
    const Floats highest = hn::Set(d, static_cast<float>(bounds.highest));
    const Floats inverse0 = first_inverse(bounds, 0, search);
    const Floats inverse1 = first_inverse(bounds, lanes, search);
    Floats xl0 = hn::Zero(d), ll0 = xl0, xl1 = xl0, ll1 = xl0;
    for (std::size_t at = 0; at < tile.size * 2 * lanes; at += 2 * lanes) {
        take_level(tile, at, inverse0, highest, xl0, ll0);
        take_level(tile, at + lanes, inverse1, highest, xl1, ll1);
    }
    store_sums(xl0, ll0, xl1, ll1, search.sums);
}

/// Whether a sum is far from what a float cannot hold.
HWY_INLINE Mask is_ordinary(Floats sum) {
    const FloatTag d;
    return hn::And(hn::Gt(sum, hn::Set(d, 0x1p-80f)), hn::Lt(sum, hn::Set(d, 0x1p80f)));
}

/// A level of the tile as a float.
template <LevelForm kForm>
HWY_INLINE Floats load_level(const Tile& tile, std::size_t at) {
    const FloatTag d;
    const Floats level = hn::Load(d, tile.levels + at);
    if constexpr (kForm == LevelForm::floats) return level;
    // The bits of the sum from which biased_nearest() takes its integer.
    const Ints bits = hn::Add(hn::BitCast(IntTag(), level), hn::Set(IntTag(), nearest_magic_bits));
    return hn::Sub(hn::BitCast(d, bits), hn::Set(d, nearest_magic));
}

// A look finds the problems in which a level may want to move, without a division for a level:
//
// The level that a value x wants is x * others_ll / others_xl, rounded and clamped, where the sums
// leave out its own terms x * x * level * level and x * x * x * level. Before rounding that lies
// (x * sum_ll / sum_xl - level) / (1 - share) from its level, where share is the value's part of
// sum_xl. The level stays where that is less than a half. Where sum_xl is negative (the largest
// value is positive), others_xl is negative too and nothing moves, unless one value has all but a
// thousandth of the sum.
//
// What comes within a thousandth of a half, hundreds of times what rounding can do, counts as
// unsettled, and so do sums that may have lost digits at the ends of what a float can hold.

/// What a look takes from the sums of a vector of problems: the inverse scale, what makes half a
/// share of a term, and the bits of a distance that count.
HWY_INLINE void prepare_look(const DescentSums& sums, std::size_t column, Floats& inverse,
                             Floats& half_by_sum, Floats& counted) {
    const FloatTag d;
    const Floats sum_xl = hn::Load(d, sums.xl + column);
    const Floats by_sum = hn::Div(hn::Set(d, 1.0f), sum_xl);
    inverse = hn::Mul(hn::Load(d, sums.ll + column), by_sum);
    half_by_sum = hn::Mul(hn::Set(d, 0.5f), by_sum);
    const Floats magnitude = hn::BitCast(d, hn::Set(IntTag(), 0x7FFFFFFF));
    counted = hn::IfThenElseZero(hn::Gt(sum_xl, hn::Zero(d)), magnitude);
}

/// Raises `most` to one value's distance from its level plus half its share.
template <LevelForm kForm>
HWY_INLINE void look_at(const DescentTile& tile, std::size_t at, Floats inverse, Floats half_by_sum,
                        Floats counted, Floats lowest, Floats highest, Floats& most) {
    const FloatTag d;
    const Floats scaled = hn::Mul(hn::Load(d, tile.values + at), inverse);
    const Floats wanted = clamp_to_positive(hn::Max(scaled, lowest), highest);
    const Floats distance = hn::And(hn::Sub(wanted, load_level<kForm>(tile, at)), counted);
    most = hn::Max(most, hn::MulAdd(hn::Load(d, tile.xl_terms + at), half_by_sum, distance));
}

/// Stores the scales that fit the levels of a vector of problems if none moves any more, and
/// returns the columns that are unsettled, as bits.
HWY_INLINE std::uint32_t conclude_look(std::size_t column, Floats most, Search& search) {
    const FloatTag d;
    const Floats sum_xl = hn::Load(d, search.sums.xl + column);
    const Floats sum_ll = hn::Load(d, search.sums.ll + column);
    store_scale(search.flags, column, sum_xl, sum_ll, search.scales);
    const Mask ordinary = hn::And(is_ordinary(hn::Abs(sum_xl)), is_ordinary(sum_ll));
    const Mask settled = hn::And(hn::Lt(most, hn::Set(d, 0.5f - 0x1p-11f)), ordinary);
    const Mask empty = hn::Eq(hn::Load(d, search.flags + column), hn::Zero(d));
    return bits_of(hn::Not(hn::Or(empty, settled))) << column;
}

/// A look at a tile. Stores the scales for the levels as they are, and returns the columns in which
/// they are not settled, as bits.
template <LevelForm kForm>
HWY_INLINE std::uint32_t look(LevelBounds bounds, Search& search) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const Floats lowest = hn::Set(d, static_cast<float>(bounds.lowest));
    const Floats highest = hn::Set(d, static_cast<float>(bounds.highest));
    Floats inverse0, inverse1, half_by_sum0, half_by_sum1, counted0, counted1;
    prepare_look(search.sums, 0, inverse0, half_by_sum0, counted0);
    prepare_look(search.sums, lanes, inverse1, half_by_sum1, counted1);
    Floats most0 = hn::Zero(d), most1 = most0;
    const std::size_t end = search.tile.size * 2 * lanes;
    for (std::size_t at = 0; at < end; at += 2 * lanes) {
        look_at<kForm>(search.tile, at, inverse0, half_by_sum0, counted0, lowest, highest, most0);
        look_at<kForm>(search.tile, at + lanes, inverse1, half_by_sum1, counted1, lowest, highest,
                       most1);
    }
    return conclude_look(0, most0, search) | conclude_look(lanes, most1, search);
}

/// The lowest `count` bits set, at least one.
constexpr std::uint32_t first_bits(std::int64_t count) {
    return ~std::uint32_t{0} >> (32 - count);
}

/// Fills the tile with the `used` unsettled problems from `first` on, as they are before the first
/// round.
HWY_INLINE void start(LevelBounds bounds, const Problems& problems, const Unsettled& unsettled,
                      std::int64_t first, std::int64_t used, Search& search) {
    const FloatTag d;
    DescentTile& tile = search.tile;
    load_listed(problems.values, problems.size, unsettled.problem + first, used, tile);
    const std::size_t lanes = hn::Lanes(d);
    const Floats inverse0 = first_inverse(bounds, 0, search);
    const Floats inverse1 = first_inverse(bounds, lanes, search);
    Floats xl0 = hn::Zero(d), ll0 = xl0, xl1 = xl0, ll1 = xl0;
    const std::size_t end = tile.size * 2 * lanes;
    for (std::size_t at = 0; at < end; at += 2 * lanes) {
        const Floats x0 = hn::Load(d, tile.values + at);
        const Floats x1 = hn::Load(d, tile.values + at + lanes);
        start_level<symmetric_descent>(tile, at, x0, hn::Mul(x0, x0), inverse0, bounds, xl0, ll0);
        start_level<symmetric_descent>(tile, at + lanes, x1, hn::Mul(x1, x1), inverse1, bounds, xl1,
                                       ll1);
    }
    store_sums(xl0, ll0, xl1, ll1, search.sums);
}

/// The same between rounds.
HWY_INLINE void resume(const Problems& problems, const Unsettled& unsettled, std::int64_t first,
                       std::int64_t used, Search& search) {
    const FloatTag d;
    DescentTile& tile = search.tile;
    load_listed(problems.values, problems.size, unsettled.problem + first, used, tile);
    const std::size_t columns = tile_columns();
    const float* levels[max_columns];
    for (std::size_t c = 0; c < columns; ++c) {
        const std::int64_t at =
            first + (c < static_cast<std::size_t>(used) ? static_cast<std::int64_t>(c) : 0);
        levels[c] = unsettled.levels + unsettled.row[at] * problems.size;
        search.sums.xl[c] = unsettled.sum_xl[at];
        search.sums.ll[c] = unsettled.sum_ll[at];
        search.flags[c] = 1;
    }
    transpose_to_tile(levels, columns, tile.size, tile.levels);
    for (std::size_t at = 0; at < tile.size * columns; at += hn::Lanes(d)) {
        const Floats x = hn::Load(d, tile.values + at);
        const Floats w = hn::Mul(x, x);
        const Floats level = load_level<LevelForm::biased>(tile, at);
        hn::Store(hn::Mul(hn::Mul(w, x), level), d, tile.xl_terms + at);
        hn::Store(hn::Mul(hn::Mul(w, level), level), d, tile.ll_terms + at);
    }
}

/// Keeps what a round has made of the unsettled problems from `first` on in a tile, for those whose
/// bits are set; `left` is where they go.
HWY_INLINE void suspend(const Search& search, std::uint32_t columns, std::int64_t first,
                        std::int64_t& left, Unsettled& unsettled) {
    const DescentTile& tile = search.tile;
    transpose_from_tile(tile.levels, tile.columns, tile.size,
                        unsettled.levels + first * static_cast<std::int64_t>(tile.size));
    for (; columns != 0; columns &= columns - 1, ++left) {
        const int c = std::countr_zero(columns);
        unsettled.problem[left] = unsettled.problem[first + c];
        unsettled.row[left] = first + c;
        unsettled.sum_xl[left] = search.sums.xl[c];
        unsettled.sum_ll[left] = search.sums.ll[c];
    }
}

/// Puts the results of the problems at `list` in their places.
HWY_INLINE void store_listed(LevelBounds bounds, const std::int64_t* list, std::int64_t used,
                             const Search& search, const Results& results) {
    for (std::int64_t c = 0; c < used; ++c)
        results.scale[list[c]] = search.scales[c];
    if (results.level_bytes == nullptr) return;
    std::uint8_t bytes[max_problem_size * max_columns];
    store_levels<LevelForm::biased>(search.tile, -bounds.lowest, search.flags, used, bytes);
    const auto size = static_cast<std::int64_t>(search.tile.size);
    for (std::int64_t c = 0; c < used; ++c)
        std::copy_n(bytes + c * size, size, results.level_bytes + list[c] * size);
}

/// One round for the unsettled problems, after which those are left that may want another.
HWY_INLINE void go_round(LevelBounds bounds, const Problems& problems, const Results& results,
                         bool is_first, Search* searches, Unsettled& unsettled) {
    const auto columns = static_cast<std::int64_t>(tile_columns());
    std::int64_t left = 0;
    for (std::int64_t first = 0; first < unsettled.count;) {
        std::int64_t used[most_tiles] = {};
        int tiles = 0;
        for (std::int64_t next = first; tiles < most_tiles && next < unsettled.count;
             next += used[tiles++]) {
            used[tiles] = std::min(columns, unsettled.count - next);
            if (is_first) {
                start(bounds, problems, unsettled, next, used[tiles], searches[tiles]);
            } else {
                resume(problems, unsettled, next, used[tiles], searches[tiles]);
            }
        }
        if (tiles == most_tiles) {
            descend_busily<symmetric_descent>(searches[0].tile, searches[1].tile, bounds,
                                              searches[0].sums, searches[1].sums);
        } else {
            descend_busily<symmetric_descent>(searches[0].tile, bounds, searches[0].sums);
        }
        for (int t = 0; t < tiles; first += used[t++]) {
            // A problem in which nothing moved is through, whatever its levels want.
            const std::uint32_t columns_left = look<LevelForm::biased>(bounds, searches[t]) &
                                               searches[t].sums.moved & first_bits(used[t]);
            store_listed(bounds, unsettled.problem + first, used[t], searches[t], results);
            suspend(searches[t], columns_left, first, left, unsettled);
        }
    }
    unsettled.count = left;
}

/// The rounds that are left, for no more problems than a vector holds.
HWY_INLINE void finish(LevelBounds bounds, const Problems& problems, const Results& results,
                       int rounds, const Unsettled& unsettled, Search& search) {
    const FloatTag d;
    resume(problems, unsettled, 0, unsettled.count, search);
    Floats sum_xl = hn::Load(d, search.sums.xl);
    Floats sum_ll = hn::Load(d, search.sums.ll);
    descend<symmetric_descent>(search.tile, 0, bounds, sum_xl, sum_ll, rounds);
    store_scale(search.flags, 0, sum_xl, sum_ll, search.scales);
    store_listed(bounds, unsettled.problem, unsettled.count, search, results);
}

HWY_INLINE void descend_in_rounds(LevelBounds bounds, const Problems& problems,
                                  const Results& results, Search* searches, Unsettled& unsettled) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(FloatTag()));
    for (int round = 0; round < descent_rounds && unsettled.count > 0; ++round) {
        if (round > 0 && unsettled.count <= lanes) {
            return finish(bounds, problems, results, descent_rounds - round, unsettled,
                          searches[0]);
        }
        go_round(bounds, problems, results, round == 0, searches, unsettled);
    }
}

/// A look at the problems from `first` to `end`, which gives those that are settled their results.
HWY_INLINE void find_unsettled(LevelBounds bounds, const Problems& problems, const Results& results,
                               std::int64_t first, std::int64_t end, Search& search,
                               Unsettled& unsettled) {
    unsettled.count = 0;
    while (first < end) {
        const std::int64_t used = std::min(static_cast<std::int64_t>(tile_columns()), end - first);
        load_run(problems.values.from(first * problems.size), problems.size, used, search.tile);
        take_levels(bounds, search);
        std::uint32_t columns = look<LevelForm::floats>(bounds, search) & first_bits(used);
        for (; columns != 0; columns &= columns - 1)
            unsettled.problem[unsettled.count++] = first + std::countr_zero(columns);
        store_results(search.scales, used, results.scale + first);
        if (results.level_bytes != nullptr) {
            store_levels<LevelForm::floats>(search.tile, -bounds.lowest, search.flags, used,
                                            results.level_bytes + first * problems.size);
        }
        first += used;
    }
}

void fit_symmetric_descent_lanes(int level_count, const Problems& problems, float* scale,
                                 std::uint8_t* level_bytes) {
    const LevelBounds bounds{-level_count, level_count - 1};
    const Results results{scale, level_bytes};
    Search searches[most_tiles];
    Unsettled unsettled;
    const std::int64_t batch = std::min(batch_problems, batch_values / problems.size);
    for (std::int64_t first = 0; first < problems.count; first += batch) {
        find_unsettled(bounds, problems, results, first, std::min(first + batch, problems.count),
                       searches[0], unsettled);
        descend_in_rounds(bounds, problems, results, searches, unsettled);
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

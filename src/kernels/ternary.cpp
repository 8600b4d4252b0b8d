// The searches of IQ1_S and IQ1_M, one body for every instruction set.
//
// A split tries every pair of boundaries in the sorted values of a sub-block. One lane is one
// sub-block; each lane sorts, adds and compares as a scalar loop would. The search for neighbours
// has the points of one list in its lanes, and each lane adds the eight terms of its own point.
#include "kernels/ternary.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ternary.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

#ifndef QUANTIZE_KERNELS_TERNARY_ONCE
#define QUANTIZE_KERNELS_TERNARY_ONCE
#include <array>
#include <cfloat>
#include <limits>

namespace quantize::kernels::ternary {

inline constexpr const float* plus = ternary_plus;
inline constexpr const float* minus = ternary_minus;

/// The code of eight values that all have the highest level: mirrored levels are this minus code.
inline constexpr int highest_code = 6560;

struct Comparator {
    std::uint8_t low, high;
};

/// Calls `visit(low, high)` for each comparator of Batcher's odd-even merge sort, in order.
template <class Visit>
constexpr void visit_comparators(std::size_t n, Visit visit) {
    for (std::size_t p = 1; p < n; p *= 2) {
        for (std::size_t k = p; k >= 1; k /= 2) {
            for (std::size_t j = k % p; j + k < n; j += 2 * k) {
                for (std::size_t i = j; i < j + k && i + k < n; ++i) {
                    if (i / (2 * p) == (i + k) / (2 * p)) visit(i, i + k);
                }
            }
        }
    }
}

template <std::size_t n>
constexpr auto make_network() {
    constexpr std::size_t size = [] {
        std::size_t count = 0;
        visit_comparators(n, [&](std::size_t, std::size_t) { ++count; });
        return count;
    }();
    std::array<Comparator, size> network{};
    std::size_t at = 0;
    visit_comparators(n, [&](std::size_t low, std::size_t high) {
        network[at++] = {static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(high)};
    });
    return network;
}

template <std::size_t n>
inline constexpr auto network = make_network<n>();

}  // namespace quantize::kernels::ternary
#endif

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels {
namespace HWY_NAMESPACE {
namespace {

using namespace ternary;

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

/// Whether a trial with these sums has more merit, product^2 / square, than the best one.
HWY_INLINE Mask beats(Floats product, Floats square, Floats merit) {
    return hn::Gt(hn::Mul(product, product), hn::Mul(merit, square));
}

/// Takes a trial with these sums where it beats the best one.
HWY_INLINE void keep_better(Floats product, Floats square, int tag, Floats& merit, Floats& scale,
                            Ints& best_tag) {
    const FloatTag df;
    const IntTag di;
    const auto better = hn::And(hn::Gt(square, hn::Zero(df)), beats(product, square, merit));
    const Floats candidate = hn::Div(product, square);
    merit = hn::IfThenElse(better, hn::Mul(candidate, product), merit);
    scale = hn::IfThenElse(better, candidate, scale);
    best_tag = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, tag), best_tag);
}

/// What the sums of sub-blocks of 32 are put together from, by boundary: the running sums, and
/// the parts below the first and from the second boundary on, for either shift.
struct Parts32 {
    static constexpr std::size_t boundaries = 33;
    HWY_ALIGN float product[boundaries * max_lanes];
    HWY_ALIGN float square[boundaries * max_lanes];
    HWY_ALIGN float product_above_plus[boundaries * max_lanes];
    HWY_ALIGN float product_above_minus[boundaries * max_lanes];
    HWY_ALIGN float square_above_plus[boundaries * max_lanes];
    HWY_ALIGN float square_above_minus[boundaries * max_lanes];
};

HWY_INLINE Floats times(Floats v, float factor) {
    return hn::Mul(v, hn::Set(FloatTag(), factor));
}

void add_up_32(const Tile<32>& tile, Parts32& parts) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    Floats product = hn::Zero(df), square = hn::Zero(df);
    for (std::size_t j = 0; j <= 32; ++j) {
        hn::Store(product, df, parts.product + j * lanes);
        hn::Store(square, df, parts.square + j * lanes);
        if (j == 32) break;
        const Floats weight = hn::Load(df, tile.weight + j * lanes);
        product = hn::Add(product, hn::Mul(weight, hn::Load(df, tile.sorted + j * lanes)));
        square = hn::Add(square, weight);
    }
    for (std::size_t at = 0; at <= 32 * lanes; at += lanes) {
        const Floats product_above = hn::Sub(product, hn::Load(df, parts.product + at));
        const Floats square_above = hn::Sub(square, hn::Load(df, parts.square + at));
        hn::Store(times(product_above, plus[2]), df, parts.product_above_plus + at);
        hn::Store(times(product_above, minus[2]), df, parts.product_above_minus + at);
        hn::Store(times(times(square_above, plus[2]), plus[2]), df, parts.square_above_plus + at);
        hn::Store(times(times(square_above, minus[2]), minus[2]), df,
                  parts.square_above_minus + at);
    }
}

/// All pairs of boundaries, with either shift. The middle level is plus or minus the same number,
/// so its part of the product is added or subtracted and its part of the square is the same.
void search(const Tile<32>& tile, Best& best) {
    const FloatTag df;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(df);
    Parts32 parts;
    add_up_32(tile, parts);
    Floats merit = hn::Set(df, -FLT_MAX), scale = hn::Zero(df);
    Ints tag = hn::Set(di, -1);
    for (std::size_t first = 0; first <= 32; ++first) {
        const Floats product_below = hn::Load(df, parts.product + first * lanes);
        const Floats square_below = hn::Load(df, parts.square + first * lanes);
        const Floats product_plus = times(product_below, plus[0]);
        const Floats product_minus = times(product_below, minus[0]);
        const Floats square_plus = times(times(square_below, plus[0]), plus[0]);
        const Floats square_minus = times(times(square_below, minus[0]), minus[0]);
        for (std::size_t second = first; second <= 32; ++second) {
            const std::size_t at = second * lanes;
            const Floats product =
                times(hn::Sub(hn::Load(df, parts.product + at), product_below), plus[1]);
            const Floats square = times(
                times(hn::Sub(hn::Load(df, parts.square + at), square_below), plus[1]), plus[1]);
            const Floats product0 = hn::Add(hn::Add(product_plus, product),
                                            hn::Load(df, parts.product_above_plus + at));
            const Floats square0 =
                hn::Add(hn::Add(square_plus, square), hn::Load(df, parts.square_above_plus + at));
            const Floats product1 = hn::Add(hn::Sub(product_minus, product),
                                            hn::Load(df, parts.product_above_minus + at));
            const Floats square1 =
                hn::Add(hn::Add(square_minus, square), hn::Load(df, parts.square_above_minus + at));
            const auto better =
                hn::Or(beats(product0, square0, merit), beats(product1, square1, merit));
            if (HWY_LIKELY(hn::AllFalse(df, better))) continue;

            keep_better(product0, square0, make_tag(first, second, 0), merit, scale, tag);
            keep_better(product1, square1, make_tag(first, second, 1), merit, scale, tag);
        }
    }
    hn::Store(scale, df, best.scale);
    hn::Store(tag, di, best.tag);
}

/// What each sorted value of a sub-block of 16 adds to the sums: by level, shifts and position.
struct Terms16 {
    HWY_ALIGN float product[3][4][16 * max_lanes];
    HWY_ALIGN float square[3][4][16 * max_lanes];
};

/// `shifts` has bit 1 set when the first eight values have the minus shift, bit 0 for the others.
void prepare_terms(const Tile<16>& tile, Terms16& terms) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    for (std::size_t at = 0; at < 16 * lanes; at += lanes) {
        const Floats value = hn::Load(df, tile.sorted + at);
        const Floats weight = hn::Load(df, tile.weight + at);
        const auto early = hn::Lt(hn::Load(df, tile.position + at), hn::Set(df, 8.0f));
        for (std::size_t level = 0; level < 3; ++level) {
            const Floats weighted_plus = times(weight, plus[level]);
            const Floats weighted_minus = times(weight, minus[level]);
            const Floats product_plus = hn::Mul(weighted_plus, value);
            const Floats product_minus = hn::Mul(weighted_minus, value);
            const Floats square_plus = times(weighted_plus, plus[level]);
            const Floats square_minus = times(weighted_minus, minus[level]);
            hn::Store(product_plus, df, terms.product[level][0] + at);
            hn::Store(hn::IfThenElse(early, product_plus, product_minus), df,
                      terms.product[level][1] + at);
            hn::Store(hn::IfThenElse(early, product_minus, product_plus), df,
                      terms.product[level][2] + at);
            hn::Store(product_minus, df, terms.product[level][3] + at);
            hn::Store(square_plus, df, terms.square[level][0] + at);
            hn::Store(hn::IfThenElse(early, square_plus, square_minus), df,
                      terms.square[level][1] + at);
            hn::Store(hn::IfThenElse(early, square_minus, square_plus), df,
                      terms.square[level][2] + at);
            hn::Store(square_minus, df, terms.square[level][3] + at);
        }
    }
}

/// Adds the terms that the value at `at` has on one level, for all four choices of shifts.
HWY_INLINE void add_terms(const Terms16& terms, std::size_t level, std::size_t at, Floats& p0,
                          Floats& p1, Floats& p2, Floats& p3, Floats& s0, Floats& s1, Floats& s2,
                          Floats& s3) {
    const FloatTag df;
    p0 = hn::Add(p0, hn::Load(df, terms.product[level][0] + at));
    p1 = hn::Add(p1, hn::Load(df, terms.product[level][1] + at));
    p2 = hn::Add(p2, hn::Load(df, terms.product[level][2] + at));
    p3 = hn::Add(p3, hn::Load(df, terms.product[level][3] + at));
    s0 = hn::Add(s0, hn::Load(df, terms.square[level][0] + at));
    s1 = hn::Add(s1, hn::Load(df, terms.square[level][1] + at));
    s2 = hn::Add(s2, hn::Load(df, terms.square[level][2] + at));
    s3 = hn::Add(s3, hn::Load(df, terms.square[level][3] + at));
}

/// All pairs of boundaries with all four choices of shifts. Sums run from the smallest value to
/// the largest, so the sums up to the second boundary are carried along and only the rest is
/// added anew for each pair.
void search(const Tile<16>& tile, Best& best) {
    const FloatTag df;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(df);
    Terms16 terms;
    prepare_terms(tile, terms);
    Floats merit = hn::Set(df, -FLT_MAX), scale = hn::Zero(df);
    Ints tag = hn::Set(di, -1);
    const Floats zero = hn::Zero(df);
    Floats bp0 = zero, bp1 = zero, bp2 = zero, bp3 = zero;
    Floats bs0 = zero, bs1 = zero, bs2 = zero, bs3 = zero;
    for (std::size_t first = 0; first <= 16; ++first) {
        Floats mp0 = bp0, mp1 = bp1, mp2 = bp2, mp3 = bp3;
        Floats ms0 = bs0, ms1 = bs1, ms2 = bs2, ms3 = bs3;
        for (std::size_t second = first; second <= 16; ++second) {
            Floats p0 = mp0, p1 = mp1, p2 = mp2, p3 = mp3;
            Floats s0 = ms0, s1 = ms1, s2 = ms2, s3 = ms3;
            for (std::size_t j = second; j < 16; ++j) {
                add_terms(terms, 2, j * lanes, p0, p1, p2, p3, s0, s1, s2, s3);
            }
            const Mask better = hn::Or(hn::Or(beats(p0, s0, merit), beats(p1, s1, merit)),
                                       hn::Or(beats(p2, s2, merit), beats(p3, s3, merit)));
            if (HWY_UNLIKELY(!hn::AllFalse(df, better))) {
                keep_better(p0, s0, make_tag(first, second, 0), merit, scale, tag);
                keep_better(p1, s1, make_tag(first, second, 1), merit, scale, tag);
                keep_better(p2, s2, make_tag(first, second, 2), merit, scale, tag);
                keep_better(p3, s3, make_tag(first, second, 3), merit, scale, tag);
            }
            if (second == 16) break;
            add_terms(terms, 1, second * lanes, mp0, mp1, mp2, mp3, ms0, ms1, ms2, ms3);
        }
        if (first == 16) break;
        add_terms(terms, 0, first * lanes, bp0, bp1, bp2, bp3, bs0, bs1, bs2, bs3);
    }
    hn::Store(scale, df, best.scale);
    hn::Store(tag, di, best.tag);
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

template <std::size_t n>
void split(const float* values, const float* weights, std::size_t count, float smallest_maximum,
           TernarySplit* splits) {
    const std::size_t lanes = hn::Lanes(FloatTag());
    Tile<n> tile;
    Best best;
    for (std::size_t first = 0; first < count; first += lanes) {
        load_tile(values, weights, first, count, tile);
        sort_tile(tile);
        search(tile, best);
        drop_empty(tile, smallest_maximum, best);
        write_splits(tile, best, HWY_MIN(lanes, count - first), splits + first);
    }
}

void split_32(const float* values, const float* weights, std::size_t count, TernarySplit* splits) {
    split<32>(values, weights, count, 1e-12f, splits);
}

void split_16(const float* values, const float* weights, std::size_t count, TernarySplit* splits) {
    split<16>(values, weights, count, 1e-7f, splits);
}

void weigh(const float* values, const float* importance, const float* means,
           std::size_t elems_per_mean, std::size_t elems, float* weights) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    for (std::size_t at = 0; at < elems; at += lanes) {
        const Floats value = hn::LoadU(df, values + at);
        Floats weight = hn::Mul(value, value);
        if (importance != nullptr) {
            const Floats mean = hn::Set(df, means[at / elems_per_mean]);
            weight = hn::Mul(hn::LoadU(df, importance + at), hn::Sqrt(hn::Add(mean, weight)));
        }
        hn::StoreU(weight, df, weights + at);
    }
}

void expand(const TernaryGroup* groups, std::size_t count, float* values) {
    const hn::CappedTag<float, ternary_group> df;
    const hn::RebindToSigned<decltype(df)> di;
    const hn::Rebind<std::int8_t, decltype(df)> db;
    for (std::size_t g = 0; g < count; ++g) {
        const auto scale = hn::Set(df, groups[g].scale);
        const auto shift = hn::Set(df, groups[g].shift);
        for (std::size_t i = 0; i < ternary_group; i += hn::Lanes(df)) {
            const auto point =
                hn::ConvertTo(df, hn::PromoteTo(di, hn::LoadU(db, groups[g].point + i)));
            hn::StoreU(hn::Mul(scale, hn::Add(point, shift)), df, values + g * ternary_group + i);
        }
    }
}

/// The term that value `i` of a point adds to its error; `terms` has four entries per value.
HWY_INLINE Floats look_up(const float* terms, Ints word, int i) {
    const FloatTag df;
    const IntTag di;
    const Ints level = hn::And(hn::ShiftRightSame(word, 4 * i), hn::Set(di, 3));
    return hn::TableLookupLanes(hn::LoadDup128(df, terms + 4 * i), hn::IndicesFromVec(df, level));
}

/// The terms of all levels of the query's eight values, four entries (the last unused) per value.
HWY_INLINE void prepare_terms(const TernaryQuery& query, float* terms) {
    const hn::CappedTag<float, ternary_group> df;
    const auto scale = hn::Set(df, query.scale);
    for (std::size_t i = 0; i < ternary_group; i += hn::Lanes(df)) {
        const auto value = hn::LoadU(df, query.values + i);
        const auto weight = hn::LoadU(df, query.weights + i);
        const auto term = [&](float level) HWY_ATTR {
            const auto difference = hn::Sub(hn::Mul(scale, hn::Set(df, level)), value);
            return hn::Mul(hn::Mul(weight, difference), difference);
        };
        const auto term2 = term(query.levels[2]);
        hn::StoreInterleaved4(term(query.levels[0]), term(query.levels[1]), term2, term2, df,
                              terms + 4 * i);
    }
}

HWY_INLINE std::int32_t find_neighbour(const TernaryQuery& query) {
    const FloatTag df;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(df);
    HWY_ALIGN float terms[4 * ternary_group];
    prepare_terms(query, terms);
    Floats least = hn::Set(df, FLT_MAX);
    Ints where = hn::Set(di, -1);
    Ints position = hn::Iota(di, 0);
    const Ints step = hn::Set(di, static_cast<std::int32_t>(lanes));
    for (std::size_t at = 0; at < query.count; at += lanes) {
        const Ints word = hn::LoadU(di, reinterpret_cast<const std::int32_t*>(query.words + at));
        Floats error = look_up(terms, word, 0);
        for (int i = 1; i < 8; ++i)
            error = hn::Add(error, look_up(terms, word, i));
        const auto less = hn::Lt(error, least);
        least = hn::IfThenElse(less, error, least);
        where = hn::IfThenElse(hn::RebindMask(di, less), position, where);
        position = hn::Add(position, step);
    }
    // Each lane has the first of its best; the earliest of the best lanes is the first of all.
    const auto best = hn::Eq(least, hn::MinOfLanes(df, least));
    const Ints latest = hn::Set(di, std::numeric_limits<std::int32_t>::max());
    return hn::GetLane(hn::MinOfLanes(di, hn::IfThenElse(hn::RebindMask(di, best), where, latest)));
}

void find_neighbours(const TernaryQuery* queries, std::size_t count, std::int32_t* positions) {
    for (std::size_t q = 0; q < count; ++q)
        positions[q] = find_neighbour(queries[q]);
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace quantize::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(weigh);
HWY_EXPORT(split_32);
HWY_EXPORT(split_16);
HWY_EXPORT(expand);
HWY_EXPORT(find_neighbours);

void weigh_ternary(const float* values, const float* importance, const float* means,
                   std::size_t elems_per_mean, std::size_t elems, float* weights) {
    HWY_DYNAMIC_DISPATCH(weigh)(values, importance, means, elems_per_mean, elems, weights);
}

void split_ternary_32(const float* values, const float* weights, std::size_t count,
                      TernarySplit* splits) {
    HWY_DYNAMIC_DISPATCH(split_32)(values, weights, count, splits);
}

void split_ternary_16(const float* values, const float* weights, std::size_t count,
                      TernarySplit* splits) {
    HWY_DYNAMIC_DISPATCH(split_16)(values, weights, count, splits);
}

void expand_ternary(const TernaryGroup* groups, std::size_t count, float* values) {
    HWY_DYNAMIC_DISPATCH(expand)(groups, count, values);
}

void find_ternary_neighbours(const TernaryQuery* queries, std::size_t count,
                             std::int32_t* positions) {
    HWY_DYNAMIC_DISPATCH(find_neighbours)(queries, count, positions);
}

}  // namespace quantize::kernels
#endif

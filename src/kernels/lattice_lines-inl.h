// Which neighbour is nearest for a whole stretch of scales, without searching at each. Compiled
// once per target.
//
// The squared distance of a neighbour q from a group x at scale s is D(s) = sum of w (s q - x)^2.
// With q = 2 l + 1 this is 4 s (s P - X) plus a number that all neighbours have in common, where
// P = sum of w l (l + 1) and X = sum of w x l: whatever the scale, the nearest neighbour is the one
// whose line s P - X is lowest. A neighbour that is lowest at both ends of a stretch is lowest
// between them too. Both sums come out of tables, as distances do (lattice_search-inl.h), but these
// tables serve all scales.
//
// Lines are not the reference's arithmetic: an answer counts only when the lowest line is lower
// than all others by more than the tolerance below. Else the search proper decides.
#if defined(QUANTIZE_KERNELS_LATTICE_LINES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_LATTICE_LINES_INL_H_
#undef QUANTIZE_KERNELS_LATTICE_LINES_INL_H_
#else
#define QUANTIZE_KERNELS_LATTICE_LINES_INL_H_
#endif

#include <limits>

#include "kernels/lattice_search-inl.h"
#include "kernels/lattice_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// The tables of one group of one lane: by coordinate and level, what is added to P and to X.
struct LineTables {
    HWY_ALIGN float slopes[term_count];
    HWY_ALIGN float offsets[term_count];
};

template <class Spec>
HWY_INLINE void compute_lines(const LatticeTile<Spec>& tile, std::size_t lane, std::size_t group,
                              LineTables& tables) {
    HWY_ALIGN static constexpr float slopes[8] = {0, 2, 6, 12, 20, 30, 42, 56};
    HWY_ALIGN static constexpr float offsets[8] = {0, 1, 2, 3, 4, 5, 6, 7};
    const hn::CappedTag<float, places<Spec>> d;
    const std::size_t lanes = hn::Lanes(FloatTag());
    for (std::size_t i = 0; i < Spec::dims; ++i) {
        const std::size_t from = (group * Spec::dims + i) * lanes + lane;
        const auto root = hn::Set(d, tile.roots[from]);
        const auto product = hn::Mul(root, hn::Set(d, tile.values[from]));
        for (std::size_t part = 0; part < places<Spec>; part += hn::Lanes(d)) {
            const std::size_t to = i * places<Spec> + part;
            hn::Store(hn::Mul(root, hn::Load(d, slopes + part)), d, tables.slopes + to);
            hn::Store(hn::Mul(product, hn::Load(d, offsets + part)), d, tables.offsets + to);
        }
    }
}

/// The tolerances of group `group`: a line that is computed lower than all others by more, at both
/// ends of a stretch of the sweep's scales, belongs to the neighbour that the search finds at every
/// scale of the stretch.
///
/// Proof. Let u = 2^-24; S the largest scale of the sweep; Q the largest q; M = S Q + |x| by
/// coordinate; B = sum of w M^2; f = s P - X the exact line and F = S P' + X', where P' and X' are
/// P and X with the highest levels and magnitudes: 4 S F <= B, since 4 l (l + 1) < q^2 and 4 l < 2
/// q. Lines: an entry for P is rounded once, one for X at most twice; seven additions of up to
/// eight entries follow, the product with s and the difference. So f is off by at most 10.1 u F,
/// that is by 2.53 u B / S. Distances: a computed difference s q - x is off by at most 2.01 u M, so
/// a computed term by at most 6.1 u w M^2, and the sum of up to eight terms by at most 14 u B. When
/// the lines are computed at least T apart at both ends, they are T - 5.06 u B / S apart there and,
/// being straight, between. Distances are then 4 s times as much apart, and computed distances keep
/// their order when that exceeds 28 u B. The smallest scale of a sweep is more than 0.66 S: hence T
/// > (5.06 + 28 / 2.64) u B / S = 15.7 u B / S suffices. T = 2^-20 B / S = 16 u B / S is used; B
/// and T themselves are off by less than 30 u. All this needs numbers that neither overflow nor
/// lose bits to underflow. Products of weights with whole numbers lose none; the other results
/// below 2^-126 are off by 2^-150 each, which within the ranges checked below is nothing beside u
/// B. Outside them the tolerance is NaN, and no answer counts.
template <class Spec>
HWY_INLINE Floats line_tolerance(const LatticeTile<Spec>& tile, std::size_t group) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const Floats scale = hn::Load(d, tile.scales);
    const Floats top = hn::Mul(scale, hn::Set(d, static_cast<float>(2 * Spec::levels - 1)));
    Floats bound = hn::Zero(d);
    Floats largest = hn::Zero(d);
    Floats heaviest = hn::Zero(d);
    for (std::size_t i = 0; i < Spec::dims; ++i) {
        const std::size_t at = (group * Spec::dims + i) * lanes;
        const Floats reach = hn::Add(top, hn::Abs(hn::Load(d, tile.values + at)));
        const Floats root = hn::Load(d, tile.roots + at);
        largest = hn::Max(largest, reach);
        heaviest = hn::Max(heaviest, root);
        bound = hn::Add(bound, hn::Mul(root, hn::Mul(reach, reach)));
    }
    const auto within = [&](Floats v, float low, float high) HWY_ATTR {
        return hn::And(hn::Ge(v, hn::Set(d, low)), hn::Le(v, hn::Set(d, high)));
    };
    const Mask ordinary =
        hn::And(hn::And(within(top, 1e-15f, 1e9f), within(largest, 1e-15f, 1e9f)),
                hn::And(within(bound, 1e-20f, 1e30f), within(heaviest, 0.0f, 1e30f)));
    const Floats tolerance = hn::Mul(hn::Div(bound, scale), hn::Set(d, 0x1p-20f));
    const Floats never = hn::Set(d, std::numeric_limits<float>::quiet_NaN());
    return hn::IfThenElse(ordinary, tolerance, never);
}

/// Puts the lines of lanes from `count` on out of reach.
HWY_INLINE Floats keep_first(Floats offsets, std::size_t count) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    HWY_ALIGN static constexpr auto limits = [] {
        struct {
            float of[2 * max_lanes];
        } table{};
        for (std::size_t i = 0; i < 2 * max_lanes; ++i)
            table.of[i] = i < max_lanes ? infinity : -infinity;
        return table;
    }();
    const FloatTag d;
    return hn::Min(offsets, hn::LoadU(d, limits.of + max_lanes - count));
}

/// By lane the lowest line so far, the second lowest, and the vector that the lowest came in.
HWY_INLINE void keep_lowest(Floats line, Ints vector, Floats& lowest, Floats& second, Ints& from) {
    const IntTag di;
    const Mask lower = hn::Lt(line, lowest);
    second = hn::Min(second, hn::Max(line, lowest));
    lowest = hn::Min(line, lowest);
    from = hn::IfThenElse(hn::RebindMask(di, lower), vector, from);
}

/// The lowest lines at the two ends of a stretch, as places in the list.
struct Ends {
    std::size_t low, high;
    bool certain;  ///< each is lower than all others at its end by more than the tolerance
};

/// The heights of all lines of a list at the two ends of a stretch of scales.
struct LineHeights {
    HWY_ALIGN float low[longest_list + max_lanes];
    HWY_ALIGN float high[longest_list + max_lanes];
};

/// A stretch of scales, and the neighbours of the group there.
struct Stretch {
    const std::uint16_t* words;
    std::size_t count;
    float low, high;  ///< the scales at its ends
    float tolerance;
};

/// Computes the heights of the lines of vector `v`; `Last` says that the list ends in it.
template <class Spec, bool Last>
HWY_INLINE void measure_lines(const LineTables& tables, const Stretch& stretch, std::size_t v,
                              Floats& at_low, Floats& at_high, LineHeights& heights) {
    const FloatTag d;
    const std::size_t at = v * hn::Lanes(d);
    const Ints words = load_words(stretch.words + at);
    const Floats slopes = sum_fields<Spec>(tables.slopes, words);
    Floats offsets = sum_fields<Spec>(tables.offsets, words);
    if constexpr (Last) offsets = keep_first(offsets, stretch.count - at);
    at_low = hn::Sub(hn::Mul(slopes, hn::Set(d, stretch.low)), offsets);
    at_high = hn::Sub(hn::Mul(slopes, hn::Set(d, stretch.high)), offsets);
    hn::Store(at_low, d, heights.low + at);
    hn::Store(at_high, d, heights.high + at);
}

/// Compares the lines of a list that fits one vector.
template <class Spec>
HWY_INLINE Ends compare_one(const LineTables& tables, const Stretch& stretch,
                            LineHeights& heights) {
    const FloatTag d;
    Floats low, high;
    measure_lines<Spec, true>(tables, stretch, 0, low, high, heights);
    const Floats t = hn::Set(d, stretch.tolerance);
    const Mask near_low = hn::Le(low, hn::Add(hn::MinOfLanes(d, low), t));
    const Mask near_high = hn::Le(high, hn::Add(hn::MinOfLanes(d, high), t));
    // Each end has a lowest line, so that two are as few as can be near.
    return {hn::FindKnownFirstTrue(d, near_low), hn::FindKnownFirstTrue(d, near_high),
            hn::CountTrue(d, near_low) + hn::CountTrue(d, near_high) == 2};
}

/// Compares the lines of a list that fits two vectors.
template <class Spec>
HWY_INLINE Ends compare_two(const LineTables& tables, const Stretch& stretch,
                            LineHeights& heights) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    Floats low0, high0, low1, high1;
    measure_lines<Spec, false>(tables, stretch, 0, low0, high0, heights);
    measure_lines<Spec, true>(tables, stretch, 1, low1, high1, heights);
    const Floats t = hn::Set(d, stretch.tolerance);
    const Floats low_limit = hn::Add(hn::MinOfLanes(d, hn::Min(low0, low1)), t);
    const Floats high_limit = hn::Add(hn::MinOfLanes(d, hn::Min(high0, high1)), t);
    const Mask near_low0 = hn::Le(low0, low_limit);
    const Mask near_low1 = hn::Le(low1, low_limit);
    const Mask near_high0 = hn::Le(high0, high_limit);
    const Mask near_high1 = hn::Le(high1, high_limit);
    const auto first = [&](Mask near0, Mask near1) HWY_ATTR {
        const auto in0 = hn::FindFirstTrue(d, near0);
        const auto in1 = hn::FindFirstTrue(d, near1);
        return in0 >= 0 ? static_cast<std::size_t>(in0) : lanes + static_cast<std::size_t>(in1);
    };
    const std::size_t near = hn::CountTrue(d, near_low0) + hn::CountTrue(d, near_low1) +
                             hn::CountTrue(d, near_high0) + hn::CountTrue(d, near_high1);
    return {first(near_low0, near_low1), first(near_high0, near_high1), near == 2};
}

/// Compares the lines of a list of any length.
template <class Spec>
HWY_INLINE Ends compare_many(const LineTables& tables, const Stretch& stretch,
                             LineHeights& heights) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats infinity = hn::Set(d, std::numeric_limits<float>::infinity());
    Floats low_best = infinity, low_second = infinity, high_best = infinity, high_second = infinity;
    Ints low_from = hn::Zero(di), high_from = low_from, vector = low_from;
    const std::size_t last = (stretch.count - 1) / lanes;
    Floats low, high;
    for (std::size_t v = 0; v < last; ++v) {
        measure_lines<Spec, false>(tables, stretch, v, low, high, heights);
        keep_lowest(low, vector, low_best, low_second, low_from);
        keep_lowest(high, vector, high_best, high_second, high_from);
        vector = hn::Add(vector, hn::Set(di, 1));
    }
    measure_lines<Spec, true>(tables, stretch, last, low, high, heights);
    keep_lowest(low, vector, low_best, low_second, low_from);
    keep_lowest(high, vector, high_best, high_second, high_from);
    const Floats t = hn::Set(d, stretch.tolerance);
    const Floats low_limit = hn::Add(hn::MinOfLanes(d, low_best), t);
    const Floats high_limit = hn::Add(hn::MinOfLanes(d, high_best), t);
    const Mask near_low = hn::Le(low_best, low_limit);
    const Mask near_high = hn::Le(high_best, high_limit);
    const Mask second = hn::Or(hn::Le(low_second, low_limit), hn::Le(high_second, high_limit));
    const auto place = [&](Mask near, Ints from) HWY_ATTR {
        HWY_ALIGN std::int32_t vectors[max_lanes];
        hn::Store(from, di, vectors);
        const std::size_t lane = hn::FindKnownFirstTrue(d, near);
        return static_cast<std::size_t>(vectors[lane]) * lanes + lane;
    };
    const std::size_t near = hn::CountTrue(d, near_low) + hn::CountTrue(d, near_high);
    // One comparison for both conditions, so that there is no branch.
    const bool certain = near + (hn::AllFalse(d, second) ? 0u : 3u) == 2;
    return {place(near_low, low_from), place(near_high, high_from), certain};
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

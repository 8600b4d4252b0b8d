// The sweep of the affine search: scale and min of a sub-block by weighted least squares, for each
// candidate, keeping the candidate with the smallest error. Two vectors of problems run interleaved
// in a tile, and two tiles take turns. Compiled once per target.
//
// What a search carries from one candidate to the next (the best error, and the min, from which
// the next candidate's levels are measured) is per problem, that is, per lane.
//
// Where the steps of a sweep are small against a level, a candidate often has the very levels of
// the one before. Such sweeps look ahead (SweepTraits::looks) and leave those candidates out; then
// each lane is at a candidate of its own.
#if defined(QUANTIZE_KERNELS_FIT_AFFINE_SWEEP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_FIT_AFFINE_SWEEP_INL_H_
#undef QUANTIZE_KERNELS_FIT_AFFINE_SWEEP_INL_H_
#else
#define QUANTIZE_KERNELS_FIT_AFFINE_SWEEP_INL_H_
#endif

#include "kernels/fit.h"
#include "kernels/fit_affine_state-inl.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// What a sweep does, and what is known of the problems.
struct SweepTraits {
    bool absolute = false;  ///< compares sums of |error| rather than of its square
    bool looks = false;     ///< leaves out candidates that have the levels of the one before
    bool rejects = false;   ///< leaves out the errors of candidates that cannot win by their sums
    /// Products of weight, level and value, which the reference rounds before it adds them up, are
    /// numbers that a float holds exactly: then rounding once, after the addition, is the same.
    bool exact_products = false;
    bool expects_below = false;  ///< hardly any candidate has no level below zero
    bool keeps_levels = false;   ///< keeps what the best candidate has its levels by
};

/// Which levels of a candidate may lie outside 0 .. levels, as is known before they are taken.
enum class Reach {
    inside,  ///< none
    below,   ///< some below zero, none above
    above,   ///< some above, none below
    both,    ///< some on either side, none out of nearest_in_range()'s reach
    wild,    ///< any: out-of-range values wrap as they do in the reference
};
constexpr bool may_be_below(Reach reach) {
    return reach == Reach::below || reach == Reach::both;
}
constexpr bool may_be_above(Reach reach) {
    return reach == Reach::above || reach == Reach::both;
}

// The steps from a value's place among the levels to its level as a float. Level zero may be -0,
// which no sum and no comparison tells from +0.
template <Reach kReach>
HWY_INLINE Floats clamp_above(Floats scaled, Floats highest) {
    return may_be_above(kReach) ? clamp_to_positive(scaled, highest) : scaled;
}
template <Reach kReach>
HWY_INLINE Floats round_to_level(Floats scaled, Floats highest) {
    if constexpr (kReach != Reach::wild) return nearest_in_range(scaled);
    const Ints level = hn::Max(nearest_int(scaled), hn::Zero(IntTag()));
    return hn::Min(hn::ConvertTo(FloatTag(), level), highest);
}
template <Reach kReach>
HWY_INLINE Floats clamp_below(Floats level) {
    return may_be_below(kReach) ? clamp_from_zero(level) : level;
}

/// A product to be added later on. An exact one may be rounded with the sum, which is the same:
/// then this is its second factor still.
template <bool kExact>
HWY_INLINE Floats begin_product(Floats a, Floats b) {
    return kExact ? b : hn::Mul(a, b);
}
template <bool kExact>
HWY_INLINE Floats add_product(Floats sum, Floats a, Floats begun) {
    return kExact ? hn::MulAdd(a, begun, sum) : hn::Add(sum, begun);
}

/// Adds the weighted errors of one row of both vectors of problems. Side by side, because a Zen 4
/// that finds multiplications and additions in turns, not in pairs, leaves units idle.
template <bool kAbsolute>
HWY_INLINE void add_errors(Floats x0, Floats x1, Floats w0, Floats w1, Floats level0, Floats level1,
                           Floats scale0, Floats scale1, Floats min0, Floats min1, Floats& error0,
                           Floats& error1) {
    const Floats scaled0 = hn::Mul(scale0, level0);
    const Floats scaled1 = hn::Mul(scale1, level1);
    const Floats fitted0 = hn::Add(scaled0, min0);
    const Floats fitted1 = hn::Add(scaled1, min1);
    const Floats diff0 = hn::Sub(fitted0, x0);
    const Floats diff1 = hn::Sub(fitted1, x1);
    const Floats cost0 = kAbsolute ? hn::Abs(diff0) : hn::Mul(diff0, diff0);
    const Floats cost1 = kAbsolute ? hn::Abs(diff1) : hn::Mul(diff1, diff1);
    const Floats weighted0 = hn::Mul(w0, cost0);
    const Floats weighted1 = hn::Mul(w1, cost1);
    error0 = hn::Add(error0, weighted0);
    error1 = hn::Add(error1, weighted1);
}

/// The inverse scale that spreads the values above the best min over `spread` levels. `ordinary`
/// becomes the lanes in which the range is ordinary: then levels reach up to the spread, but for
/// rounding, and the smallest value lies at most a thousand times as far below. `inside` becomes
/// those in which no level is below zero.
HWY_INLINE void prepare_candidate(Floats spread, std::size_t column, SearchState& state,
                                  Mask& ordinary, Mask& inside) {
    const FloatTag d;
    const Floats base = hn::Load(d, state.min + column);
    const Floats range = hn::Sub(hn::Load(d, state.highest + column), base);
    const Floats inverse = hn::Div(spread, range);
    hn::Store(inverse, d, state.next_inverse + column);
    ordinary = hn::And(hn::Ge(range, hn::Load(d, state.least_range + column)),
                       hn::Le(range, hn::Set(d, most_range)));
    // The smallest value's way to its level, which every other one's lies above. A half rounds to
    // the even level.
    const Floats scaled = hn::Mul(inverse, hn::Sub(hn::Load(d, state.lowest + column), base));
    inside = hn::Ge(scaled, hn::Set(d, -0.5f));
}

/// The same for both vectors of a tile: what is known of all its levels. Rounding is monotone, so
/// that no value comes out higher than the largest does. Where, in a tile of many problems, all but
/// a few candidates have some level below zero, finding out costs as much as it saves: `kBelow`
/// takes it for granted as long as none lies above the highest.
template <bool kBelow = false>
HWY_INLINE Reach prepare_tile(Floats spread0, Floats spread1, Floats levels, SearchState& state) {
    const FloatTag d;
    Mask ordinary0, ordinary1, inside0, inside1;
    prepare_candidate(spread0, 0, state, ordinary0, inside0);
    prepare_candidate(spread1, hn::Lanes(d), state, ordinary1, inside1);
    if (HWY_UNLIKELY(!hn::AllTrue(d, hn::And(ordinary0, ordinary1)))) return Reach::wild;
    // A hundredth is far more than the errors of the inverse and of the product.
    const Floats limit = hn::Add(levels, hn::Set(d, 0.49f));
    const bool above = !hn::AllTrue(d, hn::Lt(hn::Max(spread0, spread1), limit));
    if (kBelow && hn::MaxLanes(d) > 8 && !above) return Reach::below;
    const bool below = !hn::AllTrue(d, hn::And(inside0, inside1));
    if (above) return below ? Reach::both : Reach::above;
    return below ? Reach::below : Reach::inside;
}

/// Where in the sweep the problems are. In step: `number` is the candidate for all. Otherwise each
/// lane has its own in SearchState; lanes that are through with the sweep repeat the last.
struct Place {
    const AffineSpec& spec;
    int number;
};

/// How many levels the candidate at hand spreads the values of a problem over.
template <SweepTraits kSweep>
HWY_INLINE Floats spread_of_candidate(const Place& place, std::size_t column,
                                      const SearchState& state) {
    const FloatTag d;
    const AffineSpec& spec = place.spec;
    const auto levels = static_cast<float>(spec.levels);
    if constexpr (!kSweep.looks) {
        return hn::Set(d, spec.first + spec.step * static_cast<float>(place.number) + levels);
    }
    const Floats number =
        hn::Min(hn::Load(d, state.number + column), hn::Set(d, static_cast<float>(spec.last)));
    const Floats wider = hn::Add(hn::Set(d, spec.first), hn::Mul(hn::Set(d, spec.step), number));
    return hn::Add(wider, hn::Set(d, levels));
}

/// What the next candidate multiplies scaled values by, or up to two hundredths of the difference
/// more: that covers the approximation and all rounding.
HWY_INLINE Floats growth_to_next(const AffineSpec& spec, Floats spread) {
    const FloatTag d;
    const Floats steps = hn::ApproximateReciprocal(spread);
    return hn::MulAdd(steps, hn::Set(d, spec.step * (1 + 0x1p-6f)), hn::Set(d, 1.0f));
}

/// Whether the values keep their levels as they grow. The next candidate's levels are at least as
/// high, since every step to them is monotone; `rise` becomes the largest that a value would lie
/// above its level. Below a half, by more than rounding can make up for, no level changes.
HWY_INLINE void look_ahead(Floats growth, Floats scaled, Floats level, Ints& rise) {
    rise = hn::Max(rise, hn::BitCast(IntTag(), hn::MulSub(growth, scaled, level)));
}
HWY_INLINE void store_repeats(Ints rise, float* repeats) {
    const FloatTag d;
    store_flag(hn::Lt(hn::BitCast(d, rise), hn::Set(d, 0.5f - 0x1p-16f)), repeats);
}

/// The sums that weighted least squares needs: of w l, w l^2 and w l x, for both vectors.
struct Sums {
    HWY_ALIGN float l[max_columns];
    HWY_ALIGN float ll[max_columns];
    HWY_ALIGN float xl[max_columns];
};

/// One pass over the tile: levels for the candidate and their sums. A sweep that looks finds out
/// too where the next candidate has the same levels.
///
/// A turn takes the levels of one row and adds up those of the row before: what waits for a level
/// is a turn away, and what a processor's short queues hold can run. The steps stand in the order
/// in which they are to be issued, which a search among some thousand orders found (CMakeLists.txt
/// keeps GCC from sorting them).
template <Reach kReach, SweepTraits kSweep>
HWY_INLINE void sum_levels(Floats highest, Floats growth0, Floats growth1, Tile& tile,
                           SearchState& state, Sums& sums) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const std::size_t row = 2 * lanes;
    const std::size_t end = tile.size * row;
    const Floats base0 = hn::Load(d, state.min);
    const Floats base1 = hn::Load(d, state.min + lanes);
    const Floats inverse0 = hn::Load(d, state.next_inverse);
    const Floats inverse1 = hn::Load(d, state.next_inverse + lanes);
    Floats l0 = hn::Zero(d), l1 = l0, ll0 = l0, ll1 = l0, xl0 = l0, xl1 = l0;
    Ints rise0 = hn::Zero(IntTag()), rise1 = rise0;
    Floats level0 = l0, level1 = l0;
    const auto turn = [&]<bool kTakes, bool kAdds>(std::size_t at) HWY_ATTR {
        constexpr bool kExact = kSweep.exact_products;
        const float* const x = tile.values + at;
        const float* const w = tile.weights + at;
        Floats next0 = level0, next1 = level1, wl0 = level0, wl1 = level1;
        if constexpr (kTakes) {
            next1 = hn::Sub(hn::Load(d, x + lanes), base1);
            next0 = hn::Sub(hn::Load(d, x), base0);
            next0 = hn::Mul(inverse0, next0);
        }
        if constexpr (kAdds) {
            wl1 = hn::Mul(hn::Load(d, w - lanes), level1);
            wl0 = hn::Mul(hn::Load(d, w - row), level0);
            l0 = hn::Add(l0, wl0);
            l1 = hn::Add(l1, wl1);
        }
        if constexpr (kTakes) next1 = hn::Mul(inverse1, next1);
        Floats wll0 = wl0, wll1 = wl1, wxl0 = wl0, wxl1 = wl1;
        if constexpr (kAdds) wll1 = begin_product<kExact>(wl1, level1);
        const Floats scaled1 = clamp_above<kReach>(next1, highest);
        const Floats scaled0 = clamp_above<kReach>(next0, highest);
        if constexpr (kAdds) {
            wxl1 = begin_product<kExact>(wl1, hn::Load(d, x - lanes));
            wxl0 = begin_product<kExact>(wl0, hn::Load(d, x - row));
            wll0 = begin_product<kExact>(wl0, level0);
        }
        if constexpr (kTakes) {
            next1 = round_to_level<kReach>(scaled1, highest);
            next0 = round_to_level<kReach>(scaled0, highest);
            level0 = clamp_below<kReach>(next0);
            level1 = clamp_below<kReach>(next1);
        }
        if constexpr (kAdds) {
            ll0 = add_product<kExact>(ll0, wl0, wll0);
            xl0 = add_product<kExact>(xl0, wl0, wxl0);
            xl1 = add_product<kExact>(xl1, wl1, wxl1);
            ll1 = add_product<kExact>(ll1, wl1, wll1);
        }
        if constexpr (kTakes) {
            if constexpr (kSweep.looks) {
                look_ahead(growth0, scaled0, level0, rise0);
                look_ahead(growth1, scaled1, level1, rise1);
            }
            hn::Store(level0, d, tile.levels + at);
            hn::Store(level1, d, tile.levels + at + lanes);
        }
    };
    turn.template operator()<true, false>(0);
    for (std::size_t at = row; at < end; at += row)
        turn.template operator()<true, true>(at);
    turn.template operator()<false, true>(end);
    hn::Store(l0, d, sums.l);
    hn::Store(l1, d, sums.l + lanes);
    hn::Store(ll0, d, sums.ll);
    hn::Store(ll1, d, sums.ll + lanes);
    hn::Store(xl0, d, sums.xl);
    hn::Store(xl1, d, sums.xl + lanes);
    if constexpr (kSweep.looks) {
        store_repeats(rise0, state.repeats);
        store_repeats(rise1, state.repeats + lanes);
    }
}

/// Levels for the candidate, their sums, and what least squares makes of them. Returns false where
/// a sweep that rejects sees that the candidate wins in no lane; before the levels reach above the
/// highest, it would hardly ever see that.
template <Reach kReach, SweepTraits kSweep>
HWY_INLINE bool fit_levels(Floats highest, Floats growth0, Floats growth1, Tile& tile,
                           SearchState& state) {
    const FloatTag d;
    Sums sums;
    sum_levels<kReach, kSweep>(highest, growth0, growth1, tile, state, sums);
    bool may_be_best = !(kSweep.rejects && may_be_above(kReach));
    for (std::size_t column = 0; column < 2 * hn::Lanes(d); column += hn::Lanes(d)) {
        const Floats l = hn::Load(d, sums.l + column);
        const Floats ll = hn::Load(d, sums.ll + column);
        const Floats xl = hn::Load(d, sums.xl + column);
        solve_candidate(column, l, ll, xl, state);
        if constexpr (kSweep.rejects && may_be_above(kReach)) {
            may_be_best = may_be_best || !hn::AllFalse(d, may_win(column, l, ll, xl, state));
        }
    }
    return may_be_best;
}

/// Levels and least squares for the candidates at hand, by the cheapest form of the levels that is
/// exact. Returns false where no candidate can win.
template <SweepTraits kSweep>
HWY_INLINE bool fit_candidate(const Place& place, Tile& tile, SearchState& state) {
    const FloatTag d;
    const Floats highest = hn::Set(d, static_cast<float>(place.spec.levels));
    const Floats spread0 = spread_of_candidate<kSweep>(place, 0, state);
    const Floats spread1 = spread_of_candidate<kSweep>(place, hn::Lanes(d), state);
    const Floats growth0 = growth_to_next(place.spec, spread0);
    const Floats growth1 = growth_to_next(place.spec, spread1);
    switch (prepare_tile<kSweep.expects_below>(spread0, spread1, highest, state)) {
        case Reach::inside:
            return fit_levels<Reach::inside, kSweep>(highest, growth0, growth1, tile, state);
        case Reach::below:
            return fit_levels<Reach::below, kSweep>(highest, growth0, growth1, tile, state);
        case Reach::above:
            return fit_levels<Reach::above, kSweep>(highest, growth0, growth1, tile, state);
        case Reach::both:
            return fit_levels<Reach::both, kSweep>(highest, growth0, growth1, tile, state);
        case Reach::wild:
            break;
    }
    store_flag(hn::MaskFromVec(hn::Zero(d)), state.repeats);
    store_flag(hn::MaskFromVec(hn::Zero(d)), state.repeats + hn::Lanes(d));
    return fit_levels<Reach::wild, SweepTraits{}>(highest, growth0, growth1, tile, state);
}

/// Takes the candidate over in the lanes where its error is below the best; returns them.
template <SweepTraits kSweep>
HWY_INLINE Mask adopt(float last, std::size_t column, Floats new_error, SearchState& state) {
    const FloatTag d;
    const Floats error = hn::Load(d, state.error + column);
    Mask wins = hn::Lt(new_error, error);
    if constexpr (kSweep.looks) {
        wins = hn::And(wins, hn::Le(hn::Load(d, state.number + column), hn::Set(d, last)));
    }
    const auto take = [&](Floats taken, float* HWY_RESTRICT best) HWY_ATTR {
        hn::Store(hn::IfThenElse(wins, taken, hn::Load(d, best + column)), d, best + column);
    };
    take(new_error, state.error);
    take(hn::Load(d, state.next_scale + column), state.scale);
    if constexpr (kSweep.keeps_levels) {
        take(hn::Load(d, state.next_inverse + column), state.inverse);
        take(hn::Load(d, state.min + column), state.base);
    }
    take(hn::Load(d, state.next_min + column), state.min);
    return wins;
}

/// Each lane goes on to its next candidate. One that has the same levels, measured from the same
/// min, has the same sums and error and cannot win where this one did not: it is left out. Returns
/// the lanes that are not through with the sweep.
HWY_INLINE Mask go_on(float last, std::size_t column, Mask wins, SearchState& state) {
    const FloatTag d;
    const Floats left_out = hn::IfThenZeroElse(wins, hn::Load(d, state.repeats + column));
    const Floats next = hn::Add(hn::Load(d, state.number + column), hn::Set(d, 1.0f));
    const Floats number = hn::Add(next, left_out);
    hn::Store(number, d, state.number + column);
    return hn::Le(number, hn::Set(d, last));
}

/// Weighted errors of both vectors with the given scales and mins. `level_at(x, at, column)` is the
/// level of the values x at `at`, which are of the vector that begins at `column`.
template <SweepTraits kSweep, class LevelAt>
HWY_INLINE void sum_errors(const Tile& tile, const float* scale, const float* min,
                           const LevelAt& level_at, Floats& error0, Floats& error1) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const std::size_t end = tile.size * 2 * lanes;
    const Floats scale0 = hn::Load(d, scale);
    const Floats scale1 = hn::Load(d, scale + lanes);
    const Floats min0 = hn::Load(d, min);
    const Floats min1 = hn::Load(d, min + lanes);
    error0 = error1 = hn::Zero(d);
    for (std::size_t at = 0; at < end; at += 2 * lanes) {
        const Floats x0 = hn::Load(d, tile.values + at);
        const Floats x1 = hn::Load(d, tile.values + at + lanes);
        const Floats w0 = hn::Load(d, tile.weights + at);
        const Floats w1 = hn::Load(d, tile.weights + at + lanes);
        Floats level0 = x0, level1 = x1;
        level_at(at, level0, level1);
        add_errors<kSweep.absolute>(x0, x1, w0, w1, level0, level1, scale0, scale1, min0, min1,
                                    error0, error1);
    }
}

/// Those of the candidate at hand, whose levels lie in the tile.
template <SweepTraits kSweep>
HWY_INLINE void sum_candidate_errors(const Tile& tile, const SearchState& state, Floats& error0,
                                     Floats& error1) {
    const FloatTag d;
    const auto stored = [&](std::size_t at, Floats& level0, Floats& level1) HWY_ATTR {
        level0 = hn::Load(d, tile.levels + at);
        level1 = hn::Load(d, tile.levels + at + hn::Lanes(d));
    };
    sum_errors<kSweep>(tile, state.next_scale, state.next_min, stored, error0, error1);
}

/// Those of the first candidate, whose levels nobody needs afterwards.
template <SweepTraits kSweep, Reach kReach>
HWY_INLINE void sum_first_errors(Floats highest, const Tile& tile, const SearchState& state,
                                 Floats& error0, Floats& error1) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const Floats base0 = hn::Load(d, state.min);
    const Floats base1 = hn::Load(d, state.min + lanes);
    const Floats inverse0 = hn::Load(d, state.inverse);
    const Floats inverse1 = hn::Load(d, state.inverse + lanes);
    const auto taken = [&](std::size_t, Floats& level0, Floats& level1) HWY_ATTR {
        level0 = hn::Sub(level0, base0);
        level1 = hn::Sub(level1, base1);
        level0 = hn::Mul(inverse0, level0);
        level1 = hn::Mul(inverse1, level1);
        level0 = round_to_level<kReach>(level0, highest);
        level1 = round_to_level<kReach>(level1, highest);
    };
    sum_errors<kSweep>(tile, state.scale, state.min, taken, error0, error1);
}

/// The first candidate: the whole range on all levels, without least squares.
template <SweepTraits kSweep>
HWY_INLINE void start(float levels, const Tile& tile, SearchState& state) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const Floats highest = hn::Set(d, levels);
    const Reach reach = prepare_tile(highest, highest, highest, state);
    for (std::size_t column = 0; column < tile.columns; column += lanes) {
        const Floats inverse = hn::Load(d, state.next_inverse + column);
        hn::Store(inverse, d, state.inverse + column);
        hn::Store(hn::Div(hn::Set(d, 1.0f), inverse), d, state.scale + column);
        hn::Store(hn::Load(d, state.min + column), d, state.base + column);
    }
    Floats error0, error1;
    if (HWY_LIKELY(reach != Reach::wild)) {
        sum_first_errors<kSweep, Reach::inside>(highest, tile, state, error0, error1);
    } else {
        sum_first_errors<kSweep, Reach::wild>(highest, tile, state, error0, error1);
    }
    hn::Store(error0, d, state.error);
    hn::Store(error1, d, state.error + lanes);
}

inline constexpr std::size_t tiles_in_turns = 2;

/// Tries the candidate at hand on all tiles in turns: while the least squares of one divide, the
/// sums of the other keep the processor busy. A sweep that looks returns whether lanes have one
/// left.
template <SweepTraits kSweep>
HWY_INLINE bool try_candidate(const Place& place, std::size_t tile_count, Tile* tiles,
                              SearchState* states) {
    const FloatTag d;
    const auto last = static_cast<float>(place.spec.last);
    bool may_win[tiles_in_turns] = {};
    for (std::size_t t = 0; t < tile_count; ++t)
        may_win[t] = fit_candidate<kSweep>(place, tiles[t], states[t]);
    Mask left = hn::MaskFromVec(hn::Zero(d));
    for (std::size_t t = 0; t < tile_count; ++t) {
        if constexpr (kSweep.rejects) {
            if (!may_win[t]) continue;
        }
        Floats error0, error1;
        sum_candidate_errors<kSweep>(tiles[t], states[t], error0, error1);
        const Mask wins0 = adopt<kSweep>(last, 0, error0, states[t]);
        const Mask wins1 = adopt<kSweep>(last, hn::Lanes(d), error1, states[t]);
        if constexpr (kSweep.looks) {
            left = hn::Or(left, go_on(last, 0, wins0, states[t]));
            left = hn::Or(left, go_on(last, hn::Lanes(d), wins1, states[t]));
        }
    }
    return !hn::AllFalse(d, left);
}

/// A sweep that looks takes each problem through at its own pace.
template <SweepTraits kSweep>
HWY_NOINLINE void search(const AffineSpec& spec, std::size_t tile_count, Tile* tiles,
                         SearchState* states) {
    for (std::size_t t = 0; t < tile_count; ++t) {
        begin_search(0, states[t]);
        begin_search(hn::Lanes(FloatTag()), states[t]);
        start<kSweep>(static_cast<float>(spec.levels), tiles[t], states[t]);
    }
    if constexpr (kSweep.looks) {
        while (try_candidate<kSweep>({spec, 0}, tile_count, tiles, states)) {
        }
    } else {
        for (int k = 0; k <= spec.last; ++k)
            try_candidate<kSweep>({spec, k}, tile_count, tiles, states);
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

// The affine search: scale and min of a sub-block by weighted least squares, for each candidate of
// a sweep, keeping the candidate with the smallest error. Two vectors of problems run interleaved.
//
// What a search carries from one candidate to the next (the best error, and the min, from which
// the next candidate's levels are measured) is per problem, that is, per lane.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fit_affine.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/fit.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

/// A value's level as a float. The exact form wraps out-of-range values as the reference does; the
/// other is for when it is known that there are none.
template <bool kExact>
HWY_INLINE Floats level_of(Floats x, Floats base, Floats inverse, Floats highest) {
    const FloatTag d;
    const Floats scaled = hn::Mul(inverse, hn::Sub(x, base));
    if constexpr (kExact) {
        const IntTag di;
        const Ints level = hn::Max(nearest_int(scaled), hn::Zero(di));
        return hn::Min(hn::ConvertTo(d, level), highest);
    } else {
        return clamp_to_positive(clamp_from_zero(nearest_in_range(scaled)), highest);
    }
}

/// The sums that weighted least squares needs, for one vector of problems.
HWY_INLINE void add_to_sums(Floats x, Floats w, Floats level, Floats& sum_l, Floats& sum_l2,
                            Floats& sum_xl) {
    const Floats wl = hn::Mul(w, level);
    sum_l = hn::Add(sum_l, wl);
    sum_l2 = hn::Add(sum_l2, hn::Mul(wl, level));
    sum_xl = hn::Add(sum_xl, hn::Mul(wl, x));
}

template <bool kAbsolute>
HWY_INLINE Floats weighted_error(Floats x, Floats w, Floats level, Floats scale, Floats min) {
    const Floats diff = hn::Sub(hn::Add(hn::Mul(scale, level), min), x);
    return hn::Mul(w, kAbsolute ? hn::Abs(diff) : hn::Mul(diff, diff));
}

/// Least squares for given levels; a min above zero is not wanted, then the scale alone is fitted.
/// Returns the lanes in which there is a solution.
HWY_INLINE Mask solve(Floats sum_w, Floats sum_x, Floats sum_l, Floats sum_l2, Floats sum_xl,
                      Floats& scale, Floats& min) {
    const FloatTag d;
    const Floats determinant = hn::Sub(hn::Mul(sum_w, sum_l2), hn::Mul(sum_l, sum_l));
    min = hn::Div(hn::Sub(hn::Mul(sum_l2, sum_x), hn::Mul(sum_l, sum_xl)), determinant);
    const Mask above_zero = hn::Gt(min, hn::Zero(d));
    const Floats with_min = hn::Sub(hn::Mul(sum_w, sum_xl), hn::Mul(sum_x, sum_l));
    scale = hn::Div(hn::IfThenElse(above_zero, sum_xl, with_min),
                    hn::IfThenElse(above_zero, sum_l2, determinant));
    min = hn::IfThenZeroElse(above_zero, min);
    return hn::Gt(determinant, hn::Zero(d));
}

/// Range and weighted sums of one vector of problems.
HWY_INLINE void survey(const Tile& tile, std::size_t column, Floats& min, Floats& max,
                       Floats& sum_w, Floats& sum_x) {
    const FloatTag d;
    min = max = hn::Load(d, tile.values + column);
    sum_w = hn::Load(d, tile.weights + column);
    sum_x = hn::Mul(sum_w, min);
    for (std::size_t i = 1; i < tile.size; ++i) {
        const Floats x = hn::Load(d, tile.values + i * tile.columns + column);
        const Floats w = hn::Load(d, tile.weights + i * tile.columns + column);
        min = select_smaller(x, min);
        max = select_larger(x, max);
        sum_w = hn::Add(sum_w, w);
        sum_x = hn::Add(sum_x, hn::Mul(w, x));
    }
}

/// What is known of one vector of problems between candidates lives in these rows of memory.
struct Found {
    HWY_ALIGN float scale[max_columns];
    HWY_ALIGN float min[max_columns];
    HWY_ALIGN float inverse[max_columns];
    HWY_ALIGN float base[max_columns];
    HWY_ALIGN float weight_sum[max_columns];
};

/// One pass over the tile: levels for a candidate, and their sums for both vectors.
template <bool kExact>
HWY_INLINE void sum_levels(const Tile& tile, Floats highest, Floats base0, Floats base1,
                           Floats inverse0, Floats inverse1, float* HWY_RESTRICT levels, Floats& l0,
                           Floats& l1, Floats& ll0, Floats& ll1, Floats& xl0, Floats& xl1) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const std::size_t end = tile.size * 2 * lanes;
    l0 = l1 = ll0 = ll1 = xl0 = xl1 = hn::Zero(d);
    for (std::size_t at = 0; at < end; at += 2 * lanes) {
        const Floats x0 = hn::Load(d, tile.values + at);
        const Floats x1 = hn::Load(d, tile.values + at + lanes);
        const Floats level0 = level_of<kExact>(x0, base0, inverse0, highest);
        const Floats level1 = level_of<kExact>(x1, base1, inverse1, highest);
        hn::Store(level0, d, levels + at);
        hn::Store(level1, d, levels + at + lanes);
        add_to_sums(x0, hn::Load(d, tile.weights + at), level0, l0, ll0, xl0);
        add_to_sums(x1, hn::Load(d, tile.weights + at + lanes), level1, l1, ll1, xl1);
    }
}

template <bool kAbsolute>
HWY_INLINE void sum_errors(const Tile& tile, const float* HWY_RESTRICT levels, Floats scale0,
                           Floats scale1, Floats min0, Floats min1, Floats& error0,
                           Floats& error1) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const std::size_t end = tile.size * 2 * lanes;
    error0 = error1 = hn::Zero(d);
    for (std::size_t at = 0; at < end; at += 2 * lanes) {
        const Floats x0 = hn::Load(d, tile.values + at);
        const Floats x1 = hn::Load(d, tile.values + at + lanes);
        const Floats w0 = hn::Load(d, tile.weights + at);
        const Floats w1 = hn::Load(d, tile.weights + at + lanes);
        const Floats level0 = hn::Load(d, levels + at);
        const Floats level1 = hn::Load(d, levels + at + lanes);
        error0 = hn::Add(error0, weighted_error<kAbsolute>(x0, w0, level0, scale0, min0));
        error1 = hn::Add(error1, weighted_error<kAbsolute>(x1, w1, level1, scale1, min1));
    }
}

/// Lanes in which no level of a candidate can be out of nearest_in_range()'s reach: rounding is
/// monotone, so it is enough to look at the smallest and the largest value.
HWY_INLINE Mask is_tame(Floats lowest, Floats highest, Floats base, Floats inverse) {
    return hn::And(is_in_nearest_range(hn::Mul(inverse, hn::Sub(lowest, base))),
                   is_in_nearest_range(hn::Mul(inverse, hn::Sub(highest, base))));
}

/// Sums of a candidate by the cheap form of the levels if that is exact, else by the exact one.
HWY_INLINE void sum_levels_of_candidate(const Tile& tile, Floats highest, Mask tame, Floats base0,
                                        Floats base1, Floats inverse0, Floats inverse1,
                                        float* HWY_RESTRICT levels, Floats& l0, Floats& l1,
                                        Floats& ll0, Floats& ll1, Floats& xl0, Floats& xl1) {
    if (HWY_LIKELY(hn::AllTrue(FloatTag(), tame))) {
        sum_levels<false>(tile, highest, base0, base1, inverse0, inverse1, levels, l0, l1, ll0, ll1,
                          xl0, xl1);
    } else {
        sum_levels<true>(tile, highest, base0, base1, inverse0, inverse1, levels, l0, l1, ll0, ll1,
                         xl0, xl1);
    }
}

/// Takes the new values over in the lanes where the candidate wins.
HWY_INLINE void adopt(Mask wins, Floats new_scale, Floats new_min, Floats new_inverse,
                      Floats new_error, Floats& scale, Floats& min, Floats& inverse, Floats& base,
                      Floats& best) {
    best = hn::IfThenElse(wins, new_error, best);
    scale = hn::IfThenElse(wins, new_scale, scale);
    inverse = hn::IfThenElse(wins, new_inverse, inverse);
    base = hn::IfThenElse(wins, min, base);
    min = hn::IfThenElse(wins, new_min, min);
}

/// A problem whose values are all one number at or above zero, or all zero, has no scale; its
/// lane gets a harmless range to work on, and zeros as its result.
HWY_INLINE Mask prepare_range(Floats& min, Floats& max, Floats& flat_min) {
    const FloatTag d;
    min = hn::IfThenZeroElse(hn::Gt(min, hn::Zero(d)), min);
    flat_min = min;
    const Mask has_range = hn::Gt(max, min);
    min = hn::IfThenElseZero(has_range, min);
    max = hn::IfThenElse(has_range, max, hn::Set(d, 1.0f));
    return has_range;
}

HWY_INLINE void store_found(Mask has_range, std::size_t column, Floats scale, Floats min,
                            Floats flat_min, Floats inverse, Floats base, Floats sum_w,
                            Found& found) {
    const FloatTag d;
    hn::Store(hn::IfThenElseZero(has_range, scale), d, found.scale + column);
    hn::Store(hn::Neg(hn::IfThenElse(has_range, min, flat_min)), d, found.min + column);
    hn::Store(hn::IfThenElseZero(has_range, inverse), d, found.inverse + column);
    hn::Store(hn::IfThenElseZero(has_range, base), d, found.base + column);
    // The sum that starts from zero: differs from ours only in that it is never -0.
    hn::Store(hn::Add(sum_w, hn::Zero(d)), d, found.weight_sum + column);
}

template <bool kAbsolute>
HWY_NOINLINE void search(const AffineSpec& spec, const Tile& tile, float* HWY_RESTRICT levels,
                         Found& found) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    Floats min0, min1, max0, max1, sum_w0, sum_w1, sum_x0, sum_x1, flat_min0, flat_min1;
    survey(tile, 0, min0, max0, sum_w0, sum_x0);
    survey(tile, lanes, min1, max1, sum_w1, sum_x1);
    const Floats lowest0 = min0, lowest1 = min1;
    const Mask has_range0 = prepare_range(min0, max0, flat_min0);
    const Mask has_range1 = prepare_range(min1, max1, flat_min1);
    // Lanes without a range are discarded: whatever they compute must not force the exact form.
    const Mask ignore0 = hn::Not(has_range0), ignore1 = hn::Not(has_range1);

    const auto levels_count = static_cast<float>(spec.levels);
    const Floats highest = hn::Set(d, levels_count);
    Floats l0, l1, ll0, ll1, xl0, xl1, best0, best1;
    Floats inverse0 = hn::Div(highest, hn::Sub(max0, min0));
    Floats inverse1 = hn::Div(highest, hn::Sub(max1, min1));
    Floats scale0 = hn::Div(hn::Set(d, 1.0f), inverse0);
    Floats scale1 = hn::Div(hn::Set(d, 1.0f), inverse1);
    Floats base0 = min0, base1 = min1;
    const Mask tame = hn::And(hn::Or(ignore0, is_tame(lowest0, max0, base0, inverse0)),
                              hn::Or(ignore1, is_tame(lowest1, max1, base1, inverse1)));
    sum_levels_of_candidate(tile, highest, tame, base0, base1, inverse0, inverse1, levels, l0, l1,
                            ll0, ll1, xl0, xl1);
    sum_errors<kAbsolute>(tile, levels, scale0, scale1, min0, min1, best0, best1);

    for (int k = 0; k <= spec.last; ++k) {
        const Floats spread =
            hn::Set(d, spec.first + spec.step * static_cast<float>(k) + levels_count);
        const Floats inverse_k0 = hn::Div(spread, hn::Sub(max0, min0));
        const Floats inverse_k1 = hn::Div(spread, hn::Sub(max1, min1));
        const Mask tame_k = hn::And(hn::Or(ignore0, is_tame(lowest0, max0, min0, inverse_k0)),
                                    hn::Or(ignore1, is_tame(lowest1, max1, min1, inverse_k1)));
        sum_levels_of_candidate(tile, highest, tame_k, min0, min1, inverse_k0, inverse_k1, levels,
                                l0, l1, ll0, ll1, xl0, xl1);
        Floats scale_k0, scale_k1, min_k0, min_k1, error0, error1;
        const Mask solved0 = solve(sum_w0, sum_x0, l0, ll0, xl0, scale_k0, min_k0);
        const Mask solved1 = solve(sum_w1, sum_x1, l1, ll1, xl1, scale_k1, min_k1);
        sum_errors<kAbsolute>(tile, levels, scale_k0, scale_k1, min_k0, min_k1, error0, error1);
        adopt(hn::And(solved0, hn::Lt(error0, best0)), scale_k0, min_k0, inverse_k0, error0, scale0,
              min0, inverse0, base0, best0);
        adopt(hn::And(solved1, hn::Lt(error1, best1)), scale_k1, min_k1, inverse_k1, error1, scale1,
              min1, inverse1, base1, best1);
    }
    store_found(has_range0, 0, scale0, min0, flat_min0, inverse0, base0, sum_w0, found);
    store_found(has_range1, lanes, scale1, min1, flat_min1, inverse1, base1, sum_w1, found);
}

void fit_affine_lanes(const AffineSpec& spec, const Problems& problems, const AffineFits& fits) {
    Tile tile;
    Found found;
    float* const levels = tile.levels;
    const auto columns = static_cast<std::int64_t>(tile_columns());
    for (std::int64_t first = 0; first < problems.count; first += columns) {
        const std::int64_t used = load_tile(problems, first, tile);
        if (spec.absolute_error) {
            search<true>(spec, tile, levels, found);
        } else {
            search<false>(spec, tile, levels, found);
        }
        store_results(found.scale, used, fits.scale + first);
        store_results(found.min, used, fits.min + first);
        store_results(found.inverse, used, fits.inverse + first);
        store_results(found.base, used, fits.base + first);
        store_results(found.weight_sum, used, fits.weight_sum + first);
    }
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit_affine_lanes);
void fit_affine(const AffineSpec& spec, const Problems& problems, const AffineFits& fits) {
    HWY_DYNAMIC_DISPATCH(fit_affine_lanes)(spec, problems, fits);
}

}  // namespace quantize::kernels
#endif

// The positive search: one scale for values that are to be whole multiples of it, by a sweep around
// the largest and then coordinate descent. Inputs can be slightly negative, and the reference's
// unsigned bytes then wrap, which is kept. Compiled once per target.
#if defined(QUANTIZE_KERNELS_FIT_POSITIVE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_FIT_POSITIVE_INL_H_
#undef QUANTIZE_KERNELS_FIT_POSITIVE_INL_H_
#else
#define QUANTIZE_KERNELS_FIT_POSITIVE_INL_H_
#endif

#include "kernels/fit.h"
#include "kernels/fit_descent-inl.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// Squared error when values are rounded to levels of `1 / inverse`. The start's levels are not
/// clamped but stored as bytes; the sweep's are clamped and may be negative.
template <bool kStart>
HWY_INLINE Floats positive_error(const Tile& tile, std::size_t column, int highest,
                                 Floats inverse) {
    const FloatTag d;
    const IntTag di;
    const Floats scale = hn::Div(hn::Set(d, 1.0f), inverse);
    Floats error = hn::Zero(d);
    for (std::size_t at = column; at < tile.size * tile.columns; at += tile.columns) {
        const Floats x = hn::Load(d, tile.values + at);
        const Floats w = hn::Load(d, tile.weights + at);
        const Ints nearest = nearest_int(hn::Mul(inverse, x));
        const Ints level =
            kStart ? hn::And(nearest, hn::Set(di, 0xFF)) : hn::Min(nearest, hn::Set(di, highest));
        const Floats diff = hn::Sub(x, hn::Mul(scale, hn::ConvertTo(d, level)));
        error = hn::Add(error, hn::Mul(hn::Mul(w, diff), diff));
    }
    return error;
}

/// The best inverse scale of the sweep.
HWY_INLINE Floats sweep_positive(const PositiveSpec& spec, const Tile& tile, std::size_t column,
                                 Floats largest) {
    const FloatTag d;
    const auto levels = static_cast<float>(spec.levels);
    Floats inverse = hn::Div(hn::Set(d, levels), largest);
    Floats best = positive_error<true>(tile, column, spec.levels, inverse);
    for (int k = -spec.reach; k <= spec.reach; ++k) {
        if (k == 0) continue;
        const Floats candidate =
            hn::Div(hn::Set(d, spec.step * static_cast<float>(k) + levels), largest);
        const Floats error = positive_error<false>(tile, column, spec.levels, candidate);
        const Mask wins = hn::Lt(error, best);
        best = hn::IfThenElse(wins, error, best);
        inverse = hn::IfThenElse(wins, candidate, inverse);
    }
    return inverse;
}

/// Does the sweep and starts the descent (descend()) from its best.
HWY_INLINE void start_positive(const PositiveSpec& spec, DescentTile& tile, std::size_t column,
                               Floats largest, Floats& sum_xl, Floats& sum_ll) {
    const FloatTag d;
    const Floats inverse = sweep_positive(spec, tile, column, largest);
    sum_xl = sum_ll = hn::Zero(d);
    for (std::size_t at = column; at < tile.size * tile.columns; at += tile.columns) {
        const Floats x = hn::Load(d, tile.values + at);
        const Floats w = hn::Load(d, tile.weights + at);
        start_level<positive_descent>(tile, at, x, w, inverse, {0, spec.levels}, sum_xl, sum_ll);
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

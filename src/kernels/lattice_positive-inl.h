// Least-squares fit of non-negative levels 0..4 to the 32 magnitudes of a sub-block, one sub-block
// per lane: where the sweep of IQ2_XXS starts from. Compiled once per target.
#if defined(QUANTIZE_KERNELS_LATTICE_POSITIVE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_LATTICE_POSITIVE_INL_H_
#undef QUANTIZE_KERNELS_LATTICE_POSITIVE_INL_H_
#else
#define QUANTIZE_KERNELS_LATTICE_POSITIVE_INL_H_
#endif

#include <limits>

#include "kernels/lattice_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

inline constexpr int positive_top = 4;  ///< the highest level
inline constexpr int positive_reach = 4;
inline constexpr int positive_passes = 5;

/// Levels are stored in eight bits, so a negative one (of the value whose sign was changed) wraps.
HWY_INLINE Ints wrap_level(Ints level) {
    return hn::And(level, hn::Set(IntTag(), 255));
}

/// Weighted squared error of levels rounded with `inverse_scale`. The first rounding differs from
/// the later ones: it wraps, where those have an upper limit.
template <class Spec>
HWY_INLINE Floats positive_error(const LatticeTile<Spec>& tile, Floats inverse_scale, bool first) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats scale = hn::Div(hn::Set(d, 1.0f), inverse_scale);
    Floats error = hn::Zero(d);
    for (std::size_t at = 0; at < tile.size * lanes; at += lanes) {
        const Floats x = hn::Load(d, tile.values + at);
        const Ints rounded = nearest_int(hn::Mul(inverse_scale, x));
        const Ints level =
            first ? wrap_level(rounded) : hn::Min(rounded, hn::Set(di, positive_top));
        const Floats difference = hn::Sub(x, hn::Mul(scale, hn::ConvertTo(d, level)));
        const Floats weight = hn::Load(d, tile.weights + at);
        error = hn::Add(error, hn::Mul(hn::Mul(weight, difference), difference));
    }
    return error;
}

/// One pass of coordinate descent: each level in turn moves to where the others want it, if that
/// explains more; the sums of product and square follow. True when some lane changed.
template <class Spec>
HWY_INLINE bool improve_levels(const LatticeTile<Spec>& tile, std::int32_t* levels, Floats& product,
                               Floats& square) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats zero = hn::Zero(d);
    bool changed = false;
    for (std::size_t at = 0; at < tile.size * lanes; at += lanes) {
        const Floats weight = hn::Load(d, tile.weights + at);
        const Floats weighted = hn::Load(d, tile.weighted + at);
        const Ints level = hn::Load(di, levels + at);
        const Floats l = hn::ConvertTo(d, level);
        Floats other_product = hn::Sub(product, hn::Mul(weighted, l));
        Floats other_square = hn::Sub(square, hn::Mul(hn::Mul(weight, l), l));
        const Mask usable = hn::And(hn::Gt(other_product, zero), hn::Gt(other_square, zero));
        const Floats ideal =
            hn::Div(hn::Mul(hn::Load(d, tile.values + at), other_square), other_product);
        const Ints wanted = hn::Min(nearest_int(ideal), hn::Set(di, positive_top));
        const Floats w = hn::ConvertTo(d, wanted);
        other_product = hn::Add(other_product, hn::Mul(weighted, w));
        other_square = hn::Add(other_square, hn::Mul(hn::Mul(weight, w), w));
        const Floats then = hn::Mul(hn::Mul(other_product, other_product), square);
        const Floats now = hn::Mul(hn::Mul(product, product), other_square);
        const Mask differs = hn::RebindMask(d, hn::Ne(wanted, level));
        const Mask move = hn::And(hn::And(usable, differs), hn::Gt(then, now));
        if (hn::AllFalse(d, move)) continue;
        changed = true;
        const Ints moved = hn::IfThenElse(hn::RebindMask(di, move), wrap_level(wanted), level);
        hn::Store(moved, di, levels + at);
        product = hn::IfThenElse(move, other_product, product);
        square = hn::IfThenElse(move, other_square, square);
    }
    return changed;
}

/// The scale of the fit; zero when there is none, NaN when the sums overflow.
template <class Spec>
HWY_INLINE Floats fit_positive(LatticeTile<Spec>& tile) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats zero = hn::Zero(d);
    const Floats maximum = hn::Load(d, tile.maximum);
    const Ints top = hn::Set(di, positive_top);
    Floats inverse_scale = hn::Div(hn::Set(d, static_cast<float>(positive_top)), maximum);
    Floats best_error = positive_error(tile, inverse_scale, true);
    for (int step = -positive_reach; step <= positive_reach; ++step) {
        if (step == 0) continue;
        const float target = 0.1f * static_cast<float>(step) + static_cast<float>(positive_top);
        const Floats candidate = hn::Div(hn::Set(d, target), maximum);
        const Floats error = positive_error(tile, candidate, false);
        const Mask better = hn::Lt(error, best_error);
        best_error = hn::IfThenElse(better, error, best_error);
        inverse_scale = hn::IfThenElse(better, candidate, inverse_scale);
    }
    HWY_ALIGN std::int32_t levels[Spec::sub_block * max_lanes];
    Floats product = zero;
    Floats square = zero;
    for (std::size_t at = 0; at < tile.size * lanes; at += lanes) {
        const Floats x = hn::Load(d, tile.values + at);
        const Floats weight = hn::Load(d, tile.weights + at);
        const Ints level = hn::Min(nearest_int(hn::Mul(inverse_scale, x)), top);
        hn::Store(wrap_level(level), di, levels + at);
        const Floats l = hn::ConvertTo(d, level);
        product = hn::Add(product, hn::Mul(hn::Load(d, tile.weighted + at), l));
        square = hn::Add(square, hn::Mul(hn::Mul(weight, l), l));
    }
    // A lane that a whole pass leaves as it was stays so in the next, hence one end for all lanes.
    for (int pass = 0; pass < positive_passes; ++pass) {
        if (!improve_levels(tile, levels, product, square)) break;
    }
    const Floats scale = hn::IfThenElse(hn::Gt(square, zero), hn::Div(product, square), zero);
    const Floats infinity = hn::Set(d, std::numeric_limits<float>::infinity());
    return hn::IfThenElse(hn::Lt(square, infinity), scale,
                          hn::Set(d, std::numeric_limits<float>::quiet_NaN()));
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

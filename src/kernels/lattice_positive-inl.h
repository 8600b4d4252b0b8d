// Where the sweep of IQ2_XXS starts from: the positive search (fit_positive-inl.h) for the
// magnitudes of a sub-block on levels 0 to 4. Compiled once per target.
#if defined(QUANTIZE_KERNELS_LATTICE_POSITIVE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_LATTICE_POSITIVE_INL_H_
#undef QUANTIZE_KERNELS_LATTICE_POSITIVE_INL_H_
#else
#define QUANTIZE_KERNELS_LATTICE_POSITIVE_INL_H_
#endif

#include <algorithm>
#include <limits>

#include "kernels/fit_positive-inl.h"
#include "kernels/lattice_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// The scale of the fit; zero when there is none, NaN when the sums overflow.
template <class Spec>
HWY_INLINE Floats fit_positive(const LatticeTile<Spec>& from) {
    constexpr PositiveSpec spec = positive_sweep(4);
    const FloatTag d;
    const Floats zero = hn::Zero(d);
    DescentTile tile;
    tile.columns = hn::Lanes(d);
    tile.size = from.size;
    std::copy_n(from.values, tile.size * tile.columns, tile.values);
    std::copy_n(from.weights, tile.size * tile.columns, tile.weights);
    Floats product, square;
    start_positive(spec, tile, 0, hn::Load(d, from.maximum), product, square);
    descend<positive_descent>(tile, 0, {0, spec.levels}, product, square);
    const Floats scale = hn::IfThenElse(hn::Gt(square, zero), hn::Div(product, square), zero);
    const Floats infinity = hn::Set(d, std::numeric_limits<float>::infinity());
    return hn::IfThenElse(hn::Lt(square, infinity), scale,
                          hn::Set(d, std::numeric_limits<float>::quiet_NaN()));
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

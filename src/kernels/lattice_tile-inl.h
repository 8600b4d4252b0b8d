// A tile of the grid types' fits: as many sub-blocks as a vector has lanes, transposed so that
// lane j is sub-block j, with magnitudes, signs and weights. Compiled once per target.
#if defined(QUANTIZE_KERNELS_LATTICE_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_LATTICE_TILE_INL_H_
#undef QUANTIZE_KERNELS_LATTICE_TILE_INL_H_
#else
#define QUANTIZE_KERNELS_LATTICE_TILE_INL_H_
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "kernels/lanes-inl.h"
#include "kernels/lattice.h"
#include "kernels/lattice_spec.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// Element i of lane j is at [i * lanes + j].
template <class Spec>
struct LatticeTile {
    static constexpr std::size_t size = Spec::sub_block;
    static constexpr std::size_t groups = size / Spec::dims;
    static constexpr std::size_t candidates = 2 * Spec::reach + 1;

    HWY_ALIGN float values[size * max_lanes];  ///< magnitudes (one of a group may be negative)
    HWY_ALIGN float weights[size * max_lanes];
    HWY_ALIGN float weighted[size * max_lanes];  ///< weight times value
    HWY_ALIGN float roots[size * max_lanes];     ///< square roots of the weights
    HWY_ALIGN float maximum[max_lanes];
    HWY_ALIGN float largest[max_lanes];        ///< like maximum, of the magnitudes
    HWY_ALIGN std::int32_t active[max_lanes];  ///< -1 where there is something to fit, else 0
    HWY_ALIGN std::int32_t signs[max_lanes];

    /// By candidate: scale; by candidate and group: entry of the map, then short word.
    HWY_ALIGN float scales[candidates * max_lanes];
    HWY_ALIGN std::int32_t words[candidates * groups * max_lanes];
    HWY_ALIGN float products[candidates * max_lanes];
    HWY_ALIGN float squares[candidates * max_lanes];
    HWY_ALIGN float best_scale[max_lanes];
    HWY_ALIGN std::int32_t best_words[groups * max_lanes];
    bool failed[max_lanes];
};

/// Turns the values into weights, in place of importance weights or by them.
template <class Spec>
HWY_INLINE void weigh_lattice(LatticeTile<Spec>& tile, Floats variance, bool has_importance) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const Floats quarter = hn::Mul(hn::Set(d, 0.25f), variance);
    for (std::size_t at = 0; at < tile.size * lanes; at += lanes) {
        const Floats x = hn::Load(d, tile.values + at);
        const Floats square = hn::Mul(x, x);
        Floats weight = square;
        if (has_importance) {
            weight = hn::Mul(hn::Load(d, tile.weights + at), hn::Sqrt(hn::Add(variance, square)));
        } else if (Spec::unweighted == lattice::Unweighted::square_and_quarter) {
            weight = hn::Add(quarter, square);
        }
        hn::Store(weight, d, tile.weights + at);
        hn::Store(hn::Sqrt(weight), d, tile.roots + at);
    }
}

/// Takes the signs of the eight values from `first` on; with an odd number of negative ones, where
/// the type wants an even one, the value whose loss weighs least changes its sign. Returns the
/// signs in the low eight bits and leaves magnitudes (negative for the changed one).
template <class Spec>
HWY_INLINE Ints split_signs(LatticeTile<Spec>& tile, std::size_t first) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats zero = hn::Zero(d);
    Ints signs = hn::Zero(di);
    Ints parity = hn::Zero(di);
    Ints bit = hn::Set(di, 1);
    Ints least_bit = bit;
    Floats least = zero;
    for (std::size_t i = 0; i < 8; ++i) {
        const std::size_t at = (first + i) * lanes;
        const Floats x = hn::Load(d, tile.values + at);
        const Ints negative = hn::VecFromMask(di, hn::RebindMask(di, hn::Lt(x, zero)));
        signs = hn::Or(signs, hn::And(negative, bit));
        parity = hn::Xor(parity, negative);
        if (Spec::even_signs) {
            const Floats loss = hn::Mul(hn::Mul(hn::Load(d, tile.weights + at), x), x);
            if (i == 0) {
                least = loss;
            } else {
                const Mask less = hn::Lt(loss, least);
                least = hn::IfThenElse(less, loss, least);
                least_bit = hn::IfThenElse(hn::RebindMask(di, less), bit, least_bit);
            }
        }
        hn::Store(hn::Abs(x), d, tile.values + at);
        bit = hn::Add(bit, bit);
    }
    if (!Spec::even_signs) return signs;
    const Ints changed = hn::And(least_bit, parity);
    bit = hn::Set(di, 1);
    for (std::size_t i = 0; i < 8; ++i) {
        const std::size_t at = (first + i) * lanes;
        const Mask change = hn::RebindMask(d, hn::Ne(hn::And(changed, bit), hn::Zero(di)));
        const Floats x = hn::Load(d, tile.values + at);
        hn::Store(hn::IfThenElse(change, hn::Neg(x), x), d, tile.values + at);
        bit = hn::Add(bit, bit);
    }
    return hn::Xor(signs, changed);
}

/// Fills the tile with `used` sub-blocks from `first` on; lanes beyond repeat the first.
/// `variances` has one number for each super-block.
template <class Spec>
HWY_INLINE void load_lattice_tile(const float* values, const float* importance,
                                  const float* variances, std::size_t first, std::size_t used,
                                  LatticeTile<Spec>& tile) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const float* rows[max_lanes];
    const float* weight_rows[max_lanes] = {};
    HWY_ALIGN float variance[max_lanes];
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const std::size_t offset = (first + (lane < used ? lane : 0)) * tile.size;
        rows[lane] = values + offset;
        if (importance != nullptr) weight_rows[lane] = importance + offset;
        variance[lane] = variances[offset / lattice_block];
    }
    transpose_to_tile(rows, lanes, tile.size, tile.values);
    if (importance != nullptr) transpose_to_tile(weight_rows, lanes, tile.size, tile.weights);
    weigh_lattice(tile, hn::Load(d, variance), importance != nullptr);
    Ints signs = split_signs(tile, 0);
    signs = hn::Or(signs, hn::ShiftLeft<8>(split_signs(tile, 8)));
    if constexpr (Spec::sub_block == 32) {
        signs = hn::Or(signs, hn::ShiftLeft<16>(split_signs(tile, 16)));
        signs = hn::Or(signs, hn::ShiftLeft<24>(split_signs(tile, 24)));
    }
    hn::Store(signs, di, tile.signs);
    Floats maximum = hn::Load(d, tile.values);
    Floats largest = hn::Zero(d);
    for (std::size_t at = 0; at < tile.size * lanes; at += lanes) {
        const Floats x = hn::Load(d, tile.values + at);
        maximum = select_larger(maximum, x);
        largest = select_larger(hn::Abs(x), largest);
        hn::Store(hn::Mul(hn::Load(d, tile.weights + at), x), d, tile.weighted + at);
    }
    hn::Store(largest, d, tile.largest);
    const Mask nothing = hn::Lt(maximum, hn::Set(d, Spec::smallest_maximum));
    hn::Store(hn::VecFromMask(di, hn::RebindMask(di, hn::Not(nothing))), di, tile.active);
    // Lanes with nothing to fit go along with an ordinary number.
    hn::Store(hn::IfThenElse(nothing, hn::Set(d, 1.0f), maximum), d, tile.maximum);
    std::fill_n(tile.failed, lanes, false);
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

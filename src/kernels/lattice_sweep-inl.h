// The sweep over scales of a tile's sub-blocks: levels and sums for each scale, the choice of the
// best, and the refit. Lanes are sub-blocks, so that each lane adds its sums in the order of a
// scalar loop. All roundings of the sweep come first, then all searches, then all sums: no step
// waits for another. Compiled once per target.
#if defined(QUANTIZE_KERNELS_LATTICE_SWEEP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_LATTICE_SWEEP_INL_H_
#undef QUANTIZE_KERNELS_LATTICE_SWEEP_INL_H_
#else
#define QUANTIZE_KERNELS_LATTICE_SWEEP_INL_H_
#endif

#include <bit>

#include "kernels/lattice_runs-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

using lattice::Refit;

/// Rounds a group's values to levels and looks them up: the entry of the map for each lane.
/// `InRange` promises that no product with the scale is NaN or beyond 2^22, where rounding wraps.
template <class Spec, bool InRange>
HWY_INLINE Ints look_up_group(const LatticeGrid& grid, const LatticeTile<Spec>& tile,
                              std::size_t group, Floats inverse_scale) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats one = hn::Set(d, 1.0f);
    constexpr auto top = static_cast<std::int32_t>(Spec::levels - 1);
    // Rounding x / 2 with 1.5 * 2^23 leaves the same bits as rounding x with 1.5 * 2^24.
    constexpr std::int32_t rounded_zero = 0x4BC00000;
    const Floats magic = hn::BitCast(d, hn::Set(di, rounded_zero));
    Ints code = hn::Zero(di);
    std::uint32_t excess = 0;  // what the bits of `magic` add up to in the code
    for (std::size_t i = Spec::dims; i-- > 0;) {
        const Floats x = hn::Load(d, tile.values + (group * Spec::dims + i) * lanes);
        const Floats twice = hn::Sub(hn::Mul(inverse_scale, x), one);
        Ints level;
        if constexpr (InRange) {
            const Floats limited =
                hn::Min(hn::Max(twice, hn::Zero(d)), hn::Set(d, static_cast<float>(2 * top)));
            level = hn::BitCast(di, hn::Add(limited, magic));
            excess = excess * static_cast<std::uint32_t>(Spec::levels) + rounded_zero;
        } else {
            level = nearest_int(hn::Mul(hn::Set(d, 0.5f), twice));
            level = hn::Max(hn::Min(level, hn::Set(di, top)), hn::Zero(di));
        }
        const Ints shifted =
            Spec::levels == 3 ? hn::Add(code, hn::Add(code, code)) : hn::ShiftLeft<3>(code);
        code = hn::Add(shifted, level);
    }
    code = hn::Sub(code, hn::Set(di, static_cast<std::int32_t>(excess)));
    return hn::GatherIndex(di, grid.map, code);
}

/// Sums of weight * value * q and weight * q * q over the sub-block, q being 2 * level + 1, for
/// two sets of points at once: the additions of one fill the pauses of the other.
template <class Spec>
HWY_INLINE void sum_points(const LatticeTile<Spec>& tile, const std::int32_t* words_a,
                           const std::int32_t* words_b, float* products, float* squares,
                           std::size_t b_offset) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    Floats product_a = hn::Zero(d);
    Floats square_a = product_a;
    Floats product_b = product_a;
    Floats square_b = product_a;
    for (std::size_t group = 0; group < tile.groups; ++group) {
        Ints word_a = hn::Load(di, words_a + group * lanes);
        Ints word_b = hn::Load(di, words_b + group * lanes);
        for (std::size_t i = 0; i < Spec::dims; ++i) {
            const std::size_t at = (group * Spec::dims + i) * lanes;
            const Floats weight = hn::Load(d, tile.weights + at);
            const Floats weighted = hn::Load(d, tile.weighted + at);
            const Floats a = look_up<Spec>(odd_numbers<Spec>(), word_a);
            const Floats b = look_up<Spec>(odd_numbers<Spec>(), word_b);
            product_a = hn::Add(product_a, hn::Mul(weighted, a));
            product_b = hn::Add(product_b, hn::Mul(weighted, b));
            square_a = hn::Add(square_a, hn::Mul(hn::Mul(weight, a), a));
            square_b = hn::Add(square_b, hn::Mul(hn::Mul(weight, b), b));
            word_a = next_field<Spec>(word_a);
            word_b = next_field<Spec>(word_b);
        }
    }
    hn::Store(product_a, d, products);
    hn::Store(square_a, d, squares);
    hn::Store(product_b, d, products + b_offset);
    hn::Store(square_b, d, squares + b_offset);
}

/// The entries of the map for every scale of the sweep.
template <class Spec, bool InRange>
HWY_INLINE void round_sweep(const LatticeGrid& grid, LatticeTile<Spec>& tile, Floats divisor) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    for (std::size_t c = 0; c < tile.candidates; ++c) {
        const float step = static_cast<float>(static_cast<int>(c) - Spec::reach) * Spec::step;
        const float target = static_cast<float>(2 * Spec::levels - 1) + step;
        const Floats inverse_scale = hn::Div(hn::Set(d, target), divisor);
        hn::Store(hn::Div(hn::Set(d, 1.0f), inverse_scale), d, tile.scales + c * lanes);
        for (std::size_t group = 0; group < tile.groups; ++group) {
            const Ints entry = look_up_group<Spec, InRange>(grid, tile, group, inverse_scale);
            hn::Store(entry, di, tile.words + (c * tile.groups + group) * lanes);
        }
    }
}

/// Rounds, searches and sums for every scale of the sweep.
template <class Spec>
HWY_INLINE void sweep(const LatticeGrid& grid, LatticeTile<Spec>& tile, RunSearch<Spec>& runs,
                      Floats divisor, Mask active) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    // Products of the sweep stay below 18 / divisor * largest: well within the range.
    const Mask small = hn::Le(hn::Load(d, tile.largest), hn::Mul(divisor, hn::Set(d, 1e5f)));
    const Mask in_range = hn::And(small, hn::Ge(divisor, hn::Set(d, 1e-30f)));
    if (hn::AllTrue(d, in_range)) {
        round_sweep<Spec, true>(grid, tile, divisor);
    } else {
        round_sweep<Spec, false>(grid, tile, divisor);
    }
    runs.resolve(grid, tile, active);
    const std::size_t stride = tile.groups * lanes;
    for (std::size_t c = 0; c < tile.candidates; c += 2) {
        // The number of candidates is odd: the last is summed beside itself.
        const std::size_t next = c + 1 < tile.candidates ? 1 : 0;
        sum_points(tile, tile.words + c * stride, tile.words + (c + next) * stride,
                   tile.products + c * lanes, tile.squares + c * lanes, next * lanes);
    }
}

/// Takes the candidate that explains most, in the order of the sweep; returns its scale, or
/// `start` where none explains anything.
template <class Spec>
HWY_INLINE Floats choose_candidate(LatticeTile<Spec>& tile, Floats start) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats zero = hn::Zero(d);
    Floats best = zero;
    Floats scale = start;
    Ints winner = hn::Set(di, -1);
    for (std::size_t c = 0; c < tile.candidates; ++c) {
        const Floats product = hn::Load(d, tile.products + c * lanes);
        const Floats square = hn::Load(d, tile.squares + c * lanes);
        const Mask better =
            hn::And(hn::Gt(square, zero), hn::Gt(hn::Mul(product, product), hn::Mul(best, square)));
        const Floats ratio = hn::Div(product, square);
        scale = hn::IfThenElse(better, ratio, scale);
        best = hn::IfThenElse(better, hn::Mul(ratio, product), best);
        winner = hn::IfThenElse(hn::RebindMask(di, better),
                                hn::Set(di, static_cast<std::int32_t>(c)), winner);
    }
    HWY_ALIGN std::int32_t winners[max_lanes];
    hn::Store(winner, di, winners);
    const std::int32_t lowest = Spec::starts_on_grid ? 0 : off_grid_bit;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        for (std::size_t group = 0; group < tile.groups; ++group) {
            const std::size_t at = group * lanes + lane;
            const std::size_t from = static_cast<std::size_t>(winners[lane]) * tile.groups * lanes;
            tile.best_words[at] = winners[lane] < 0 ? lowest : tile.words[from + at];
        }
    }
    return scale;
}

/// Rounds groups again with the scale that was found and fits the scale to the result.
template <class Spec>
HWY_INLINE Floats refit(const LatticeGrid& grid, LatticeTile<Spec>& tile, Floats scale,
                        Mask active) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    Ints any_off_grid = hn::Zero(di);
    for (std::size_t group = 0; group < tile.groups; ++group) {
        any_off_grid = hn::Or(any_off_grid, hn::Load(di, tile.best_words + group * lanes));
    }
    Mask wanted = hn::And(active, hn::Gt(scale, hn::Zero(d)));
    if (Spec::refit != Refit::always) {
        wanted = hn::And(wanted, hn::RebindMask(d, hn::Lt(any_off_grid, hn::Zero(di))));
    }
    if (hn::AllFalse(d, wanted)) return scale;
    const Floats inverse_scale = hn::Div(hn::Set(d, 1.0f), scale);
    hn::Store(scale, d, tile.scales);
    for (std::size_t group = 0; group < tile.groups; ++group) {
        std::int32_t* const words = tile.best_words + group * lanes;
        const Ints old = hn::Load(di, words);
        auto again = hn::RebindMask(di, wanted);
        if (Spec::refit == Refit::off_grid_groups) {
            again = hn::And(again, hn::Lt(old, hn::Zero(di)));
        }
        const Ints entry = look_up_group<Spec, false>(grid, tile, group, inverse_scale);
        hn::Store(hn::IfThenElse(again, entry, old), di, words);
        std::uint8_t missing[8] = {};
        hn::StoreMaskBits(di, hn::And(hn::Lt(entry, hn::Zero(di)), again), missing);
        for (unsigned bits = missing[0] | missing[1] << 8; bits != 0; bits &= bits - 1) {
            const auto lane = static_cast<std::size_t>(std::countr_zero(bits));
            words[lane] = find_neighbour(grid, tile, lane, group, tile.scales[lane], words[lane],
                                         tile.failed[lane]);
        }
    }
    sum_points(tile, tile.best_words, tile.best_words, tile.products, tile.squares, 0);
    const Floats square = hn::Load(d, tile.squares);
    const Mask better = hn::And(wanted, hn::Gt(square, hn::Zero(d)));
    return hn::IfThenElse(better, hn::Div(hn::Load(d, tile.products), square), scale);
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

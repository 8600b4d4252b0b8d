// The fit of the grid types: sweep of scales, choice of the best, refit; one body for all five
// types (lattice_spec.h says how they differ) and every instruction set.
//
// Lanes are sub-blocks, so that each lane adds its sums in the order of a scalar loop. Only the
// neighbour searches turn this round: there, lanes are neighbours (lattice_search-inl.h). All
// roundings of the sweep come first, then all searches, then all sums: no step waits for another.
#include "kernels/lattice.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lattice.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "kernels/lattice_positive-inl.h"
#include "kernels/lattice_search-inl.h"
#include "kernels/lattice_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

using lattice::Centre;
using lattice::Refit;

/// Set in a word beside the levels: the point was off the grid and is a neighbour.
constexpr std::int32_t off_grid_bit = INT32_MIN;

/// The word of the point whose levels are all zero: every grid has it.
template <class Spec>
constexpr std::int32_t lowest_point = Spec::levels == 3 ? 0x40404040 : 0;

/// Rounds a group's values to levels and looks them up: the entry of the map for each lane.
template <class Spec>
HWY_INLINE Ints look_up_group(const LatticeGrid& grid, const LatticeTile<Spec>& tile,
                              std::size_t group, Floats inverse_scale) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats half = hn::Set(d, 0.5f);
    const Floats one = hn::Set(d, 1.0f);
    const Ints top = hn::Set(di, static_cast<std::int32_t>(Spec::levels - 1));
    Ints code = hn::Zero(di);
    for (std::size_t i = Spec::dims; i-- > 0;) {
        const Floats x = hn::Load(d, tile.values + (group * Spec::dims + i) * lanes);
        const Ints rounded = nearest_int(hn::Mul(half, hn::Sub(hn::Mul(inverse_scale, x), one)));
        const Ints level = hn::Max(hn::Min(rounded, top), hn::Zero(di));
        const Ints shifted =
            Spec::levels == 3 ? hn::Add(code, hn::Add(code, code)) : hn::ShiftLeft<3>(code);
        code = hn::Add(shifted, level);
    }
    return hn::GatherIndex(di, grid.map, code);
}

/// Searches for the `count` pending positions of `words`; word w has the scale of its candidate.
template <class Spec>
HWY_INLINE void resolve_pending(const LatticeGrid& grid, LatticeTile<Spec>& tile, std::size_t count,
                                const float* scales, std::int32_t* words) {
    const std::size_t lanes = hn::Lanes(FloatTag());
    for (std::size_t p = 0; p < count; ++p) {
        const auto at = static_cast<std::size_t>(tile.pending[p]);
        const std::size_t lane = at & (lanes - 1);
        const std::size_t row = at / lanes;
        const float scale = scales[row / tile.groups * lanes + lane];
        const std::int32_t word = find_neighbour<Spec>(grid, tile, lane, row % tile.groups, scale,
                                                       words[at], tile.failed[lane]);
        words[at] = word | off_grid_bit;
    }
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
            const Floats a = look_up(odd_numbers<Spec>(), word_a);
            const Floats b = look_up(odd_numbers<Spec>(), word_b);
            product_a = hn::Add(product_a, hn::Mul(weighted, a));
            product_b = hn::Add(product_b, hn::Mul(weighted, b));
            square_a = hn::Add(square_a, hn::Mul(hn::Mul(weight, a), a));
            square_b = hn::Add(square_b, hn::Mul(hn::Mul(weight, b), b));
            word_a = hn::ShiftRight<4>(word_a);
            word_b = hn::ShiftRight<4>(word_b);
        }
    }
    hn::Store(product_a, d, products);
    hn::Store(square_a, d, squares);
    hn::Store(product_b, d, products + b_offset);
    hn::Store(square_b, d, squares + b_offset);
}

/// Rounds, searches and sums for every scale of the sweep.
template <class Spec>
HWY_INLINE void sweep(const LatticeGrid& grid, LatticeTile<Spec>& tile, Floats divisor,
                      Mask active) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    std::size_t pending = 0;
    for (std::size_t c = 0; c < tile.candidates; ++c) {
        const float step = static_cast<float>(static_cast<int>(c) - Spec::reach) * Spec::step;
        const float target = static_cast<float>(2 * Spec::levels - 1) + step;
        const Floats inverse_scale = hn::Div(hn::Set(d, target), divisor);
        hn::Store(hn::Div(hn::Set(d, 1.0f), inverse_scale), d, tile.scales + c * lanes);
        for (std::size_t group = 0; group < tile.groups; ++group) {
            const std::size_t at = (c * tile.groups + group) * lanes;
            const Ints entry = look_up_group(grid, tile, group, inverse_scale);
            hn::Store(entry, di, tile.words + at);
            const auto missing = hn::And(hn::Lt(entry, hn::Zero(di)), hn::RebindMask(di, active));
            const Ints positions = hn::Iota(di, static_cast<std::int32_t>(at));
            pending += hn::CompressStore(positions, missing, di, tile.pending + pending);
        }
    }
    resolve_pending(grid, tile, pending, tile.scales, tile.words);
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
    const std::int32_t lowest = lowest_point<Spec> | (Spec::starts_on_grid ? 0 : off_grid_bit);
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
    std::size_t pending = 0;
    for (std::size_t group = 0; group < tile.groups; ++group) {
        const std::size_t at = group * lanes;
        const Ints old = hn::Load(di, tile.best_words + at);
        auto again = hn::RebindMask(di, wanted);
        if (Spec::refit == Refit::off_grid_groups) {
            again = hn::And(again, hn::Lt(old, hn::Zero(di)));
        }
        const Ints entry = look_up_group(grid, tile, group, inverse_scale);
        hn::Store(hn::IfThenElse(again, entry, old), di, tile.best_words + at);
        const auto missing = hn::And(hn::Lt(entry, hn::Zero(di)), again);
        const Ints positions = hn::Iota(di, static_cast<std::int32_t>(at));
        pending += hn::CompressStore(positions, missing, di, tile.pending + pending);
    }
    resolve_pending(grid, tile, pending, tile.scales, tile.best_words);
    sum_points(tile, tile.best_words, tile.best_words, tile.products, tile.squares, 0);
    const Floats square = hn::Load(d, tile.squares);
    const Mask better = hn::And(wanted, hn::Gt(square, hn::Zero(d)));
    return hn::IfThenElse(better, hn::Div(hn::Load(d, tile.products), square), scale);
}

/// Writes the results of the tile's first `used` lanes as sub-blocks `first` on.
template <class Spec>
HWY_INLINE void store_fits(const LatticeTile<Spec>& tile, std::size_t first, std::size_t used,
                           const LatticeFits& fits) {
    const std::size_t lanes = hn::Lanes(FloatTag());
    for (std::size_t lane = 0; lane < used; ++lane) {
        const std::size_t to = first + lane;
        const bool active = tile.active[lane] != 0;
        float scale = tile.best_scale[lane];
        auto signs = static_cast<std::uint32_t>(tile.signs[lane]);
        if (scale < 0) {  // scales are stored without a sign
            scale = -scale;
            signs = ~signs;
        }
        if (tile.failed[lane]) scale = std::numeric_limits<float>::quiet_NaN();
        fits.scales[to] = active ? scale : 0.0f;
        fits.signs[to] = active ? signs : 0;
        for (std::size_t group = 0; group < tile.groups; ++group) {
            const std::int32_t word = tile.best_words[group * lanes + lane] & ~off_grid_bit;
            fits.words[to * tile.groups + group] =
                static_cast<std::uint32_t>(active ? word : lowest_point<Spec>);
        }
    }
}

template <class Spec>
HWY_INLINE void fit_tile(const LatticeGrid& grid, LatticeTile<Spec>& tile) {
    const FloatTag d;
    const IntTag di;
    const Floats zero = hn::Zero(d);
    const Floats maximum = hn::Load(d, tile.maximum);
    Mask active = hn::RebindMask(d, hn::Lt(hn::Load(di, tile.active), hn::Zero(di)));
    Floats divisor = maximum;
    Floats scale = hn::Div(maximum, hn::Set(d, static_cast<float>(2 * Spec::levels - 1)));
    if constexpr (Spec::centre == Centre::positive_fit) {
        scale = fit_positive(tile);
        divisor = hn::Mul(scale, hn::Set(d, static_cast<float>(Spec::levels)));
        active = hn::AndNot(hn::Le(divisor, zero), active);
        hn::Store(hn::VecFromMask(di, hn::RebindMask(di, active)), di, tile.active);
    }
    if (hn::AllFalse(d, active)) return;
    sweep(grid, tile, divisor, active);
    scale = choose_candidate(tile, scale);
    scale = refit(grid, tile, scale, active);
    hn::Store(scale, d, tile.best_scale);
}

template <class Spec>
HWY_INLINE void fit_blocks(const LatticeGrid& grid, const float* values, const float* importance,
                           const float* variances, std::size_t block_count,
                           const LatticeFits& fits) {
    const std::size_t lanes = hn::Lanes(FloatTag());
    const std::size_t count = block_count * (lattice_block / Spec::sub_block);
    LatticeTile<Spec> tile;
    for (std::size_t first = 0; first < count; first += lanes) {
        const std::size_t used = std::min(lanes, count - first);
        load_lattice_tile(values, importance, variances, first, used, tile);
        fit_tile(grid, tile);
        store_fits(tile, first, used, fits);
    }
}

void fit_iq2_xxs(const LatticeGrid& grid, const float* values, const float* importance,
                 const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq2XxsSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq2_xs(const LatticeGrid& grid, const float* values, const float* importance,
                const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq2XsSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq2_s(const LatticeGrid& grid, const float* values, const float* importance,
               const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq2SSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq3_xxs(const LatticeGrid& grid, const float* values, const float* importance,
                 const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq3XxsSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq3_s(const LatticeGrid& grid, const float* values, const float* importance,
               const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq3SSpec>(grid, values, importance, variances, block_count, fits);
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit_iq2_xxs);
HWY_EXPORT(fit_iq2_xs);
HWY_EXPORT(fit_iq2_s);
HWY_EXPORT(fit_iq3_xxs);
HWY_EXPORT(fit_iq3_s);

namespace {

/// Super-blocks whose sums of squares are taken side by side: each sum is one chain of additions.
constexpr std::size_t variance_batch = 8;

/// The variances of up to variance_batch super-blocks, times `factor`.
void compute_variances(const float* values, std::size_t count, float factor, float* variances) {
    float sums[variance_batch] = {};
    for (std::size_t i = 0; i < lattice_block; ++i) {
        for (std::size_t b = 0; b < count; ++b) {
            const float x = values[b * lattice_block + i];
            sums[b] += x * x;
        }
    }
    for (std::size_t b = 0; b < count; ++b) {
        variances[b] = factor * sums[b] / static_cast<float>(lattice_block);
    }
}

}  // namespace

void fit_lattice(LatticeType type, const LatticeGrid& grid, const float* values,
                 const float* importance, std::size_t block_count, const LatticeFits& fits) {
    const bool three_bits = type == LatticeType::iq3_xxs || type == LatticeType::iq3_s;
    const float factor = three_bits || type == LatticeType::iq2_s ? 2.0f : 1.0f;
    std::vector<float> variances(block_count);
    for (std::size_t b = 0; b < block_count; b += variance_batch) {
        const std::size_t count = std::min(variance_batch, block_count - b);
        compute_variances(values + b * lattice_block, count, factor, &variances[b]);
    }
    const auto fit = [&](auto function) {
        function(grid, values, importance, variances.data(), block_count, fits);
    };
    switch (type) {
        case LatticeType::iq2_xxs:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq2_xxs));
        case LatticeType::iq2_xs:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq2_xs));
        case LatticeType::iq2_s:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq2_s));
        case LatticeType::iq3_xxs:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq3_xxs));
        case LatticeType::iq3_s:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq3_s));
    }
}

}  // namespace quantize::kernels
#endif

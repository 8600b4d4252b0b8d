// The fit of the grid types, tile after tile; one body for all five types (lattice_spec.h says how
// they differ) and every instruction set. Compiled once per target.
#if defined(QUANTIZE_KERNELS_LATTICE_FIT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_LATTICE_FIT_INL_H_
#undef QUANTIZE_KERNELS_LATTICE_FIT_INL_H_
#else
#define QUANTIZE_KERNELS_LATTICE_FIT_INL_H_
#endif

#include <algorithm>
#include <limits>

#include "kernels/lattice_positive-inl.h"
#include "kernels/lattice_sweep-inl.h"
#include "kernels/lattice_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

using lattice::Centre;

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
            const auto word =
                static_cast<std::uint16_t>(tile.best_words[group * lanes + lane] & 0xFFFF);
            // Lanes with nothing to fit get the point of lowest levels, which every grid has.
            fits.words[to * tile.groups + group] = active ? word : std::uint16_t{0};
        }
    }
}

template <class Spec>
HWY_INLINE void fit_tile(const LatticeGrid& grid, LatticeTile<Spec>& tile, RunSearch<Spec>& runs) {
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
        divisor = hn::IfThenElse(active, divisor, hn::Set(d, 1.0f));
        hn::Store(hn::VecFromMask(di, hn::RebindMask(di, active)), di, tile.active);
    }
    if (hn::AllFalse(d, active)) return;
    sweep(grid, tile, runs, divisor, active);
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
    RunSearch<Spec> runs;
    for (std::size_t first = 0; first < count; first += lanes) {
        const std::size_t used = std::min(lanes, count - first);
        load_lattice_tile(values, importance, variances, first, used, tile);
        fit_tile(grid, tile, runs);
        store_fits(tile, first, used, fits);
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

// Scale and min of sub-blocks: brings problems into tiles, picks the sweep for them, hands out what
// it finds.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fit_affine.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <bit>

#include "kernels/fit.h"
#include "kernels/fit_affine_state-inl.h"
#include "kernels/fit_affine_sweep-inl.h"
#include "kernels/fit_load-inl.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

/// Whether the values of a tile have at most the eleven digits of F16, and lie far from where their
/// products overflow or underflow. Zeros may be among them.
HWY_INLINE bool has_f16_digits(const Tile& tile) {
    const IntTag di;
    const hn::RebindToUnsigned<FloatTag> du;
    const Ints magnitude = hn::Set(di, 0x7FFFFFFF);
    Ints digits = hn::Zero(di), most = hn::Zero(di);
    auto least = hn::Set(du, ~std::uint32_t{0});
    for (std::size_t at = 0; at < tile.size * tile.columns; at += hn::Lanes(di)) {
        const Ints bits =
            hn::And(hn::BitCast(di, hn::Load(FloatTag(), tile.values + at)), magnitude);
        digits = hn::Or(digits, bits);
        most = hn::Max(most, bits);
        // A zero becomes the largest of all.
        least = hn::Min(least, hn::BitCast(du, hn::Sub(bits, hn::Set(di, 1))));
    }
    const auto bits_of = [](float v) { return std::bit_cast<std::int32_t>(v); };
    return hn::AllTrue(di, hn::Eq(hn::And(digits, hn::Set(di, 0x1FFF)), hn::Zero(di))) &&
           hn::AllTrue(di, hn::Lt(most, hn::Set(di, bits_of(0x1p40f)))) &&
           hn::AllTrue(du, hn::Gt(least, hn::BitCast(du, hn::Set(di, bits_of(0x1p-40f)))));
}

/// Whether all products are exact in a tile: levels of two bits, and weights that are magnitudes of
/// values with few digits.
HWY_INLINE bool has_exact_products(const AffineSpec& spec, Weighting weighting, const Tile& tile) {
    return spec.levels <= 3 && weighting == Weighting::magnitude && has_f16_digits(tile);
}

/// Looking ahead makes a candidate an eighth dearer, and the slowest of all lanes counts. It pays
/// where fewer than one in two of a problem's levels changes from a candidate to the next: values
/// grow by half a step on average.
bool pays_to_look(const AffineSpec& spec, int size) {
    return spec.step * static_cast<float>(size) < 1;
}

/// The search for a sweep, by what is known of the problems. Rejecting by sums takes weights that
/// are not negative and of the size of the values, and pays only where the last candidates hardly
/// ever win: where weights are importance too, they do.
using Search = void (*)(const AffineSpec&, std::size_t, Tile*, SearchState*);
Search search_for(const AffineSpec& spec, Weighting weighting, bool keeps, bool looks, bool exact) {
    if (spec.absolute_error) {
        if (keeps) return search<SweepTraits{.absolute = true, .keeps_levels = true}>;
        if (exact) return search<SweepTraits{.absolute = true, .exact_products = true}>;
        if (looks) return search<SweepTraits{.absolute = true, .looks = true}>;
        return search<SweepTraits{.absolute = true}>;
    }
    if (keeps) return search<SweepTraits{.expects_below = true, .keeps_levels = true}>;
    if (looks) return search<SweepTraits{.looks = true}>;
    if (weighting == Weighting::rms_plus_magnitude) return search<SweepTraits{.rejects = true}>;
    return search<SweepTraits{.expects_below = true}>;
}

/// Fills a tile and surveys it; returns how many problems it holds.
HWY_INLINE std::int64_t load_and_survey(const Problems& problems, std::int64_t first, Tile& tile,
                                        Extents& extents) {
    if (problems.lanes == nullptr) {
        return load_tile(problems, first, tile, [&](Weighting weighting, Tile& loaded) HWY_ATTR {
            weigh_and_survey(weighting, loaded, extents);
        });
    }
    const auto columns = static_cast<std::int64_t>(tile_columns());
    const std::int64_t used = std::min(columns, problems.count - first);
    begin_tile(problems.size, tile);
    for_each_vector(first, used, [&](std::size_t problem, std::size_t column) HWY_ATTR {
        survey(tile, column, extents, [&](const auto& see) HWY_ATTR {
            load_side_by_side(problems, problem, column, tile, see);
        });
    });
    return used;
}

/// Writes the results of a tile's first `used` problems.
HWY_INLINE void store_fits(SearchState& state, std::int64_t first, std::int64_t used,
                           const AffineFits& fits) {
    const FloatTag d;
    for (std::size_t column = 0; column < tile_columns(); column += hn::Lanes(d)) {
        const Mask has_range = load_flag(state.has_range + column);
        const auto keep_or_zero = [&](float* row) HWY_ATTR {
            hn::Store(hn::IfThenElseZero(has_range, hn::Load(d, row + column)), d, row + column);
        };
        keep_or_zero(state.scale);
        keep_or_zero(state.inverse);
        keep_or_zero(state.base);
        const Floats min = hn::IfThenElse(has_range, hn::Load(d, state.min + column),
                                          hn::Load(d, state.flat_min + column));
        hn::Store(hn::Neg(min), d, state.min + column);
        // The sum that starts from zero: differs from ours only in that it is never -0.
        hn::Store(hn::Add(hn::Load(d, state.weight_sum + column), hn::Zero(d)), d,
                  state.weight_sum + column);
    }
    store_results(state.scale, used, fits.scale + first);
    store_results(state.min, used, fits.min + first);
    if (fits.inverse != nullptr) {
        store_results(state.inverse, used, fits.inverse + first);
        store_results(state.base, used, fits.base + first);
    }
    store_results(state.weight_sum, used, fits.weight_sum + first);
}

void fit_affine_lanes(const AffineSpec& spec, const Problems& problems, const AffineFits& fits) {
    Tile tiles[tiles_in_turns];
    SearchState states[tiles_in_turns];
    const bool keeps = fits.inverse != nullptr;
    const bool looks = pays_to_look(spec, problems.size);
    const auto columns = static_cast<std::int64_t>(tile_columns());
    for (std::int64_t first = 0; first < problems.count;) {
        std::int64_t used[tiles_in_turns];
        std::size_t count = 0;
        std::int64_t next = first;
        bool exact = spec.absolute_error && !looks && !keeps;
        for (; count < tiles_in_turns && next < problems.count; ++count, next += columns) {
            used[count] = load_and_survey(problems, next, tiles[count], states[count]);
            exact = exact && has_exact_products(spec, problems.weighting, tiles[count]);
        }
        search_for(spec, problems.weighting, keeps, looks, exact)(spec, count, tiles, states);
        for (std::size_t t = 0; t < count; ++t, first += columns) {
            store_fits(states[t], first, used[t], fits);
        }
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

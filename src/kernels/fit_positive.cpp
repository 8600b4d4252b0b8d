// The positive search: one scale for the scales (or the mins) of a super-block's sub-blocks, by a
// sweep around the largest and then coordinate descent. Inputs can be slightly negative, and
// the reference's unsigned bytes then wrap, which is kept.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fit_positive.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/fit.h"
#include "kernels/fit_descent-inl.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

/// Largest value of each problem in a vector, 1 for those where it is next to nothing. Returns the
/// lanes of the others.
HWY_INLINE Mask find_largest(const Tile& tile, std::size_t column, Floats& largest) {
    const FloatTag d;
    largest = hn::Zero(d);
    for (std::size_t at = column; at < tile.size * tile.columns; at += tile.columns) {
        largest = select_larger(largest, hn::Load(d, tile.values + at));
    }
    const Mask holds_something = hn::Ge(largest, hn::Set(d, smallest_magnitude));
    largest = hn::IfThenElse(holds_something, largest, hn::Set(d, 1.0f));
    return holds_something;
}

/// Squared error when values are rounded to levels of `1 / inverse`. The start's levels are not
/// clamped but stored as bytes; the sweep's are clamped and may be negative.
template <bool kStart>
HWY_INLINE Floats error_of(const Tile& tile, std::size_t column, int highest, Floats inverse) {
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
HWY_INLINE Floats sweep(const PositiveSpec& spec, const Tile& tile, std::size_t column,
                        Floats largest) {
    const FloatTag d;
    const auto levels = static_cast<float>(spec.levels);
    Floats inverse = hn::Div(hn::Set(d, levels), largest);
    Floats best = error_of<true>(tile, column, spec.levels, inverse);
    for (int k = -spec.reach; k <= spec.reach; ++k) {
        if (k == 0) continue;
        const Floats candidate =
            hn::Div(hn::Set(d, spec.step * static_cast<float>(k) + levels), largest);
        const Floats error = error_of<false>(tile, column, spec.levels, candidate);
        const Mask wins = hn::Lt(error, best);
        best = hn::IfThenElse(wins, error, best);
        inverse = hn::IfThenElse(wins, candidate, inverse);
    }
    return inverse;
}

void fit_positive_lanes(const PositiveSpec& spec, const Problems& problems, float* scale,
                        std::uint8_t* level_bytes) {
    DescentTile tile;
    HWY_ALIGN float flags[max_columns];
    HWY_ALIGN float scales[max_columns];
    const LevelBounds bounds{0, spec.levels};
    const std::size_t lanes = hn::Lanes(FloatTag());
    const auto columns = static_cast<std::int64_t>(tile_columns());
    for (std::int64_t first = 0; first < problems.count; first += columns) {
        const std::int64_t used = load_tile(problems, first, tile);
        for (std::size_t column = 0; column < tile.columns; column += lanes) {
            Floats largest, sum_xl, sum_ll;
            store_flags(find_largest(tile, column, largest), column, flags);
            const Floats inverse = sweep(spec, tile, column, largest);
            sum_xl = sum_ll = hn::Zero(FloatTag());
            for (std::size_t at = column; at < tile.size * tile.columns; at += tile.columns) {
                start_level<positive_descent>(tile, at, inverse, bounds, sum_xl, sum_ll);
            }
            descend<positive_descent>(tile, column, bounds, descent_rounds, sum_xl, sum_ll);
            store_scale(flags, column, sum_xl, sum_ll, scales);
        }
        store_results(scales, used, scale + first);
        store_levels(tile, 0, flags, used, level_bytes + first * problems.size);
    }
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit_positive_lanes);
void fit_positive(const PositiveSpec& spec, const Problems& problems, float* scale,
                  std::uint8_t* level_bytes) {
    HWY_DYNAMIC_DISPATCH(fit_positive_lanes)(spec, problems, scale, level_bytes);
}

}  // namespace quantize::kernels
#endif

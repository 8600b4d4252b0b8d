// The search of Q3_K without importance weights: levels from the largest value, then coordinate
// descent instead of a sweep.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fit_symmetric_descent.cpp"
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

/// Levels by the scale that takes the value of largest magnitude to the lowest level, and their
/// sums, for one vector of problems. Returns the lanes whose problems hold anything to speak of.
HWY_INLINE Mask start(DescentTile& tile, std::size_t column, LevelBounds bounds, Floats& sum_xl,
                      Floats& sum_ll) {
    const FloatTag d;
    const std::size_t columns = tile.columns;
    const std::size_t end = tile.size * columns;
    Floats largest;
    const Mask holds_something = find_largest_magnitude(tile, column, largest);
    const Floats inverse = hn::Div(hn::Set(d, static_cast<float>(bounds.lowest)), largest);
    sum_xl = sum_ll = hn::Zero(d);
    for (std::size_t at = column; at < end; at += columns) {
        start_level<symmetric_descent>(tile, at, inverse, bounds, sum_xl, sum_ll);
    }
    return holds_something;
}

void fit_symmetric_descent_lanes(int level_count, const Problems& problems, float* scale,
                                 std::uint8_t* level_bytes) {
    DescentTile tile;
    HWY_ALIGN float flags[max_columns];
    HWY_ALIGN float scales[max_columns];
    const LevelBounds bounds{-level_count, level_count - 1};
    const std::size_t lanes = hn::Lanes(FloatTag());
    const auto columns = static_cast<std::int64_t>(tile_columns());
    for (std::int64_t first = 0; first < problems.count; first += columns) {
        const std::int64_t used = load_tile(problems, first, tile);
        for (std::size_t column = 0; column < tile.columns; column += lanes) {
            Floats sum_xl, sum_ll;
            const Mask holds_something = start(tile, column, bounds, sum_xl, sum_ll);
            store_flags(holds_something, column, flags);
            descend_to_scale<symmetric_descent>(tile, column, bounds, holds_something, sum_xl,
                                                sum_ll, scales);
        }
        store_results(scales, used, scale + first);
        store_levels(tile, level_count, flags, used, level_bytes + first * problems.size);
    }
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit_symmetric_descent_lanes);
void fit_symmetric_descent(int levels, const Problems& problems, float* scale,
                           std::uint8_t* level_bytes) {
    HWY_DYNAMIC_DISPATCH(fit_symmetric_descent_lanes)(levels, problems, scale, level_bytes);
}

}  // namespace quantize::kernels
#endif

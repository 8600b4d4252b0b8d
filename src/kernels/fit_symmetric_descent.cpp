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
/// sums, for one vector of problems. Stores 1 in holds_something for problems with any such value.
HWY_INLINE void start(const Tile& tile, std::size_t column, LevelBounds bounds, float* levels,
                      float* holds_something, Floats& sum_xl, Floats& sum_ll) {
    const FloatTag d;
    const std::size_t end = tile.size * tile.columns;
    Floats magnitude = hn::Zero(d), largest = hn::Zero(d);
    for (std::size_t at = column; at < end; at += tile.columns) {
        const Floats x = hn::Load(d, tile.values + at);
        const Mask larger = hn::Gt(hn::Abs(x), magnitude);
        magnitude = hn::IfThenElse(larger, hn::Abs(x), magnitude);
        largest = hn::IfThenElse(larger, x, largest);
    }
    const Mask something = hn::Ge(magnitude, hn::Set(d, smallest_magnitude));
    largest = hn::IfThenElse(something, largest, hn::Set(d, 1.0f));
    hn::Store(hn::IfThenElseZero(something, hn::Set(d, 1.0f)), d, holds_something + column);

    const Floats inverse = hn::Div(hn::Set(d, static_cast<float>(bounds.lowest)), largest);
    sum_xl = sum_ll = hn::Zero(d);
    for (std::size_t at = column; at < end; at += tile.columns) {
        const Floats x = hn::Load(d, tile.values + at);
        const Floats w = hn::Load(d, tile.weights + at);
        const Floats level = clamped_level<symmetric_descent>(hn::Mul(inverse, x), bounds);
        hn::Store(level, d, levels + at);
        sum_xl = hn::Add(sum_xl, hn::Mul(hn::Mul(w, x), level));
        sum_ll = hn::Add(sum_ll, hn::Mul(hn::Mul(w, level), level));
    }
}

void fit_symmetric_descent_lanes(int highest_count, const Problems& problems, float* scale,
                                 std::uint8_t* level_bytes) {
    Tile tile;
    HWY_ALIGN float levels[max_problem_size * max_columns];
    HWY_ALIGN float holds_something[max_columns];
    HWY_ALIGN float scales[max_columns];
    const LevelBounds bounds{-highest_count, highest_count - 1};
    const std::size_t lanes = hn::Lanes(FloatTag());
    const auto columns = static_cast<std::int64_t>(tile_columns());
    for (std::int64_t first = 0; first < problems.count; first += columns) {
        const std::int64_t used = load_tile(problems, first, tile);
        Floats xl0, xl1, ll0, ll1;
        start(tile, 0, bounds, levels, holds_something, xl0, ll0);
        start(tile, lanes, bounds, levels, holds_something, xl1, ll1);
        descend<symmetric_descent>(tile, bounds, levels, xl0, xl1, ll0, ll1);
        store_scale(xl0, ll0, holds_something, 0, scales);
        store_scale(xl1, ll1, holds_something, lanes, scales);
        store_results(scales, used, scale + first);
        store_levels(tile, levels, highest_count, holds_something, used,
                     level_bytes + first * problems.size);
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

// The positive search for the scales (or the mins) of a super-block's sub-blocks.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fit_positive.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/fit.h"
#include "kernels/fit_descent-inl.h"
#include "kernels/fit_load-inl.h"
#include "kernels/fit_positive-inl.h"
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
            start_positive(spec, tile, column, largest, sum_xl, sum_ll);
            descend<positive_descent>(tile, column, bounds, sum_xl, sum_ll);
            store_scale(flags, column, sum_xl, sum_ll, scales);
        }
        store_results(scales, used, scale + first);
        store_levels<LevelForm::biased>(tile, 0, flags, used, level_bytes + first * problems.size);
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

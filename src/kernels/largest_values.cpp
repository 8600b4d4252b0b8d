// The value of largest magnitude of each of many short rows, such as the scales of a super-block.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/largest_values.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/fit.h"
#include "kernels/fit_load-inl.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

void largest_values_lanes(const float* values, std::int64_t rows, int row_elems, float* largest) {
    const FloatTag d;
    Tile tile;
    const auto columns = static_cast<std::int64_t>(tile_columns());
    for (std::int64_t first = 0; first < rows; first += columns) {
        const std::int64_t used = std::min(columns, rows - first);
        load_run(values + first * row_elems, row_elems, used, tile);
        for (std::size_t at = 0; at < tile.size * tile.columns; at += hn::Lanes(d)) {
            const Floats x = hn::Load(d, tile.values + at);
            hn::Store(hn::IfThenZeroElse(hn::IsNaN(x), x), d, tile.values + at);
        }
        HWY_ALIGN float found[max_columns];
        for (std::size_t column = 0; column < tile.columns; column += hn::Lanes(d)) {
            hn::Store(find_largest_magnitude(tile, column), d, found + column);
        }
        store_results(found, used, largest + first);
    }
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(largest_values_lanes);
void largest_values(const float* values, std::int64_t rows, int row_elems, float* largest) {
    HWY_DYNAMIC_DISPATCH(largest_values_lanes)(values, rows, row_elems, largest);
}

}  // namespace quantize::kernels
#endif

// Brings into tiles what lies in lanes already: blocks of rows that stand side by side. Compiled
// once per target.
#if defined(QUANTIZE_KERNELS_SIDE_BY_SIDE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_SIDE_BY_SIDE_INL_H_
#undef QUANTIZE_KERNELS_SIDE_BY_SIDE_INL_H_
#else
#define QUANTIZE_KERNELS_SIDE_BY_SIDE_INL_H_
#endif

#include <algorithm>

#include "kernels/fit.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// As many as are transposed at once, or fill a vector. A tile holds one or two times as many.
HWY_INLINE std::size_t rows_side_by_side() {
    return HWY_MAX(half_problems, hn::Lanes(FloatTag()));
}

/// Fills one vector of the tile with the problems from `first` on, and weighs them by importance:
/// importance_of(i) is that of their values i. Calls see(value, weight) row by row: a square root
/// takes as long as much else.
template <class ImportanceOf, class See>
HWY_INLINE void load_vector(const Problems& problems, std::size_t first, std::size_t column,
                            Tile& tile, const ImportanceOf& importance_of, const See& see) {
    const FloatTag d;
    const std::size_t rows = rows_side_by_side();
    const std::size_t row = first % rows;
    const float* HWY_RESTRICT values = problems.lanes + first / rows * tile.size * rows + row;
    const Floats spread = hn::LoadU(d, problems.variance + row);
    for (std::size_t i = 0; i < tile.size; ++i) {
        const Floats x = hn::LoadU(d, values + i * rows);
        const Floats root = hn::Sqrt(hn::Add(spread, hn::Mul(x, x)));
        const Floats w = hn::Mul(importance_of(i), root);
        hn::Store(x, d, tile.values + i * tile.columns + column);
        hn::Store(w, d, tile.weights + i * tile.columns + column);
        see(x, w);
    }
}

/// The same, with importance side by side as well or one for all lanes.
template <class See>
HWY_INLINE void load_side_by_side(const Problems& problems, std::size_t first, std::size_t column,
                                  Tile& tile, const See& see) {
    const FloatTag d;
    const std::size_t rows = rows_side_by_side();
    const std::size_t block = first / rows * tile.size;
    if (problems.lane_importance != nullptr) {
        const float* HWY_RESTRICT importance =
            problems.lane_importance + block * rows + first % rows;
        load_vector(
            problems, first, column, tile,
            [&](std::size_t i) HWY_ATTR { return hn::LoadU(d, importance + i * rows); }, see);
    } else {
        const float* HWY_RESTRICT importance = problems.importance + block;
        load_vector(
            problems, first, column, tile,
            [&](std::size_t i) HWY_ATTR { return hn::Set(d, importance[i]); }, see);
    }
}

/// Calls load(first problem, column) for each vector of a tile that begins with problem `first` and
/// holds `used`. Vectors without a problem repeat the first ones.
template <class Load>
HWY_INLINE void for_each_vector(std::int64_t first, std::int64_t used, const Load& load) {
    for (std::size_t column = 0; column < tile_columns(); column += hn::Lanes(FloatTag())) {
        const std::size_t shift = column < static_cast<std::size_t>(used) ? column : 0;
        load(static_cast<std::size_t>(first) + shift, column);
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

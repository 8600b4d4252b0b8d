// Sums of squares of rows, each row's terms added in order: one lane per row.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/sum_squares.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/fit.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

/// Sums of `used` rows from `values` on, one per lane of kVectors vectors.
template <int kVectors>
void sum_rows(const float* values, std::int64_t used, std::int64_t row_elems, float* sums) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const std::size_t columns = kVectors * lanes;
    HWY_ALIGN float tile[max_problem_size * max_columns];
    HWY_ALIGN float totals[max_columns];
    Floats total0 = hn::Zero(d), total1 = hn::Zero(d);
    for (std::int64_t start = 0; start < row_elems; start += max_problem_size) {
        const auto length =
            static_cast<std::size_t>(std::min<std::int64_t>(max_problem_size, row_elems - start));
        const float* row[max_columns];
        for (std::int64_t r = 0; r < used; ++r)
            row[r] = values + r * row_elems + start;
        std::fill(row + used, row + columns, row[0]);
        transpose_to_tile(row, columns, length, tile);
        for (std::size_t at = 0; at < length * columns; at += columns) {
            const Floats x0 = hn::Load(d, tile + at);
            total0 = hn::Add(total0, hn::Mul(x0, x0));
            if constexpr (kVectors == 2) {
                const Floats x1 = hn::Load(d, tile + at + lanes);
                total1 = hn::Add(total1, hn::Mul(x1, x1));
            }
        }
    }
    hn::Store(total0, d, totals);
    hn::Store(total1, d, totals + lanes);
    store_results(totals, used, sums);
}

void sum_squares_lanes(const float* values, std::int64_t rows, std::int64_t row_elems,
                       float* sums) {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(FloatTag()));
    for (std::int64_t first = 0; first < rows;) {
        const std::int64_t used = std::min(2 * lanes, rows - first);
        const auto sum = used > lanes ? sum_rows<2> : sum_rows<1>;
        sum(values + first * row_elems, used, row_elems, sums + first);
        first += used;
    }
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(sum_squares_lanes);
void sum_squares(const float* values, std::int64_t rows, std::int64_t row_elems, float* sums) {
    HWY_DYNAMIC_DISPATCH(sum_squares_lanes)(values, rows, row_elems, sums);
}

}  // namespace quantize::kernels
#endif

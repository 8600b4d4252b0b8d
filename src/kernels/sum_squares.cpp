// Sums of squares of rows, each row's terms added in order: one lane per row.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/sum_squares.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/fit.h"
#include "kernels/lanes-inl.h"
#include "kernels/stored_values-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

/// Two blocks, whose chains of additions run side by side.
inline constexpr std::size_t block_rows = HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 ? 8 : 4;

/// Adds the squares of four values, from `at` on, of each row of a block, in order.
template <class D>
HWY_INLINE void add_squares(D d, const float* const* row, std::int64_t at, hn::Vec<D>& total) {
    hn::Vec<D> x0, x1, x2, x3;
    load_transposed(d, row, static_cast<std::size_t>(at), x0, x1, x2, x3);
    total = hn::Add(total, hn::Mul(x0, x0));
    total = hn::Add(total, hn::Mul(x1, x1));
    total = hn::Add(total, hn::Mul(x2, x2));
    total = hn::Add(total, hn::Mul(x3, x3));
}

void sum_rows(const float* values, std::int64_t rows, std::int64_t row_elems, float* sums) {
    constexpr std::int64_t both = 2 * block_rows;
    const hn::FixedTag<float, block_rows> d;
    const float* row[both];
    for (std::int64_t first = 0; first < rows; first += both) {
        const std::int64_t used = std::min(both, rows - first);
        for (std::int64_t r = 0; r < used; ++r)
            row[r] = values + (first + r) * row_elems;
        std::fill(row + used, row + both, row[0]);
        auto total0 = hn::Zero(d), total1 = hn::Zero(d);
        for (std::int64_t i = 0; i < row_elems; i += 4) {
            add_squares(d, row, i, total0);
            add_squares(d, row + block_rows, i, total1);
        }
        HWY_ALIGN float totals[both];
        hn::Store(total0, d, totals);
        hn::Store(total1, d, totals + block_rows);
        std::copy_n(totals, used, sums + first);
    }
}

/// Adds the squares of eight values, from `at` on, of each row of a block in F16, in order: those
/// of the second half of the rows to `high`, unless one vector holds all of them.
HWY_INLINE void add_squares(const std::uint16_t* const* row, std::int64_t at, Widened& low,
                            Widened& high) {
    for_eight_values(row, static_cast<std::size_t>(at),
                     [&](std::size_t, std::size_t c, Widened x) HWY_ATTR {
                         Widened& total = c == 0 ? low : high;
                         total = hn::Add(total, hn::Mul(x, x));
                     });
}

/// Two blocks again.
void sum_rows(const std::uint16_t* values, std::int64_t rows, std::int64_t row_elems, float* sums) {
    constexpr auto block = static_cast<std::int64_t>(half_problems);
    const WidenedTag d;
    const std::uint16_t* row[2 * block];
    for (std::int64_t first = 0; first < rows; first += 2 * block) {
        const std::int64_t used = std::min(2 * block, rows - first);
        for (std::int64_t r = 0; r < 2 * block; ++r)
            row[r] = values + (first + (r < used ? r : 0)) * row_elems;
        Widened low0 = hn::Zero(d), high0 = low0, low1 = low0, high1 = low0;
        for (std::int64_t at = 0; at < row_elems; at += 8) {
            add_squares(row, at, low0, high0);
            add_squares(row + block, at, low1, high1);
        }
        HWY_ALIGN float totals[2 * block];
        for (std::int64_t r = 0; r < block; r += static_cast<std::int64_t>(hn::Lanes(d))) {
            hn::StoreU(r == 0 ? low0 : high0, d, totals + r);
            hn::StoreU(r == 0 ? low1 : high1, d, totals + block + r);
        }
        std::copy_n(totals, used, sums + first);
    }
}

void sum_squares_lanes(const StoredValues& values, std::int64_t rows, std::int64_t row_elems,
                       float* sums) {
    in_their_form(values, [&](const auto* at) HWY_ATTR { sum_rows(at, rows, row_elems, sums); });
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(sum_squares_lanes);
void sum_squares(const StoredValues& values, std::int64_t rows, std::int64_t row_elems,
                 float* sums) {
    HWY_DYNAMIC_DISPATCH(sum_squares_lanes)(values, rows, row_elems, sums);
}

}  // namespace quantize::kernels
#endif

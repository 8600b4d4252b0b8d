// Brings problems into a tile, and with importance their weights. Compiled once per target.
#if defined(QUANTIZE_KERNELS_FIT_LOAD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_FIT_LOAD_INL_H_
#undef QUANTIZE_KERNELS_FIT_LOAD_INL_H_
#else
#define QUANTIZE_KERNELS_FIT_LOAD_INL_H_
#endif

#include <algorithm>
#include <functional>
#include <type_traits>

#include "kernels/fit.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"
#include "kernels/side_by_side-inl.h"
#include "kernels/stored_values-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

HWY_INLINE void begin_tile(int size, Tile& tile) {
    tile.columns = tile_columns();
    tile.size = static_cast<std::size_t>(size);
}

/// Lists where the `used` problems begin that number(column) tells; columns beyond them repeat the
/// first.
template <class T, class Number>
HWY_INLINE void list_rows(const T* values, int size, std::int64_t used, const Number& number,
                          const T** row) {
    for (std::int64_t c = 0; c < used; ++c)
        row[c] = values + number(c) * size;
    std::fill(row + used, row + tile_columns(), row[0]);
}

/// Fills the tile's values with the `used` problems at `list`.
HWY_INLINE void load_listed(const StoredValues& values, int size, const std::int64_t* list,
                            std::int64_t used, Tile& tile) {
    begin_tile(size, tile);
    in_their_form(values, [&]<class T>(const T* begin) HWY_ATTR {
        const T* row[max_columns];
        const auto number = [&](std::int64_t column) { return list[column]; };
        list_rows(begin, size, used, number, row);
        transpose_to_tile(row, tile_columns(), tile.size, tile.values);
    });
}

/// Fills the tile's values with `used` problems that lie one after the other.
HWY_INLINE void load_run(const StoredValues& values, int size, std::int64_t used, Tile& tile) {
    begin_tile(size, tile);
    const std::size_t columns = tile_columns();
    const bool is_whole = used == static_cast<std::int64_t>(columns);
    in_their_form(values, [&]<class T>(const T* begin) HWY_ATTR {
        if (is_whole && size == 32)
            return transpose_to_tile(EvenRows<T, 32>{begin}, columns, 32, tile.values);
        if (is_whole && size == 16)
            return transpose_to_tile(EvenRows<T, 16>{begin}, columns, 16, tile.values);
        const T* row[max_columns];
        list_rows(begin, size, used, std::identity(), row);
        transpose_to_tile(row, columns, tile.size, tile.values);
    });
}

/// Weighs a block of four values of d's problems from `at` on, value_of(0) to value_of(3). Their
/// weights go to `weights`, which lies in a tile of `columns`.
template <class D, class Rows, class ValueOf>
HWY_INLINE void weigh_by_spread(D d, const Rows& importance, std::size_t at, const float* variance,
                                const ValueOf& value_of, std::size_t columns,
                                float* HWY_RESTRICT weights) {
    hn::Vec<D> w0, w1, w2, w3;
    load_transposed(d, importance, at, w0, w1, w2, w3);
    const auto spread = hn::LoadU(d, variance);
    const auto weigh = [&](hn::Vec<D> w, std::size_t row) HWY_ATTR {
        const auto x = value_of(row);
        const auto root = hn::Sqrt(hn::Add(spread, hn::Mul(x, x)));
        hn::StoreU(hn::Mul(w, root), d, weights + row * columns);
    };
    weigh(w0, 0);
    weigh(w1, 1);
    weigh(w2, 2);
    weigh(w3, 3);
}

/// Values and weights at once: square roots take long, and what brings values into lanes runs
/// beside them.
template <class Rows, class WeightRows>
HWY_INLINE void load_with_spread(const Rows& problems, const WeightRows& importance,
                                 const float* variance, std::size_t size, Tile& tile) {
    const std::size_t columns = tile_columns();
    const auto weigh = [&](auto d, std::size_t c, std::size_t i) HWY_ATTR {
        const std::size_t at = i * columns + c;
        weigh_by_spread(
            d, importance + c, i, variance + c,
            [&](std::size_t row)
                HWY_ATTR { return hn::LoadU(d, tile.values + at + row * columns); },
            columns, tile.weights + at);
    };
    if constexpr (std::is_same_v<ValueIn<Rows>, float>) {
        for_each_block(columns, size, [&](auto d, std::size_t c, std::size_t i) HWY_ATTR {
            transpose_block(d, problems + c, i, columns, tile.values + c);
            weigh(d, c, i);
        });
    } else {
        for (std::size_t c = 0; c < columns; c += half_problems) {
            for (std::size_t i = 0; i < size; i += 8) {
                transpose_eight(problems + c, i, columns, tile.values + c);
                for_each_block(half_problems, 8,
                               [&](auto d, std::size_t column, std::size_t row)
                                   HWY_ATTR { weigh(d, c + column, i + row); });
            }
        }
    }
}

/// Values of `used` problems from `begin` on, and their weights by importance.
template <class T>
HWY_INLINE void load_weighted(const Problems& problems, const T* begin, std::int64_t offset,
                              const float* variance, std::int64_t used, Tile& tile) {
    const std::size_t columns = tile_columns();
    const auto load = [&](const auto& rows, const auto& weight_rows, std::size_t size) HWY_ATTR {
        if (problems.weighting == Weighting::importance_spread) {
            load_with_spread(rows, weight_rows, variance, size, tile);
        } else {
            transpose_to_tile(rows, columns, size, tile.values);
            transpose_to_tile(weight_rows, columns, size, tile.weights);
        }
    };
    const std::int64_t size = problems.size, period = problems.importance_period;
    const auto all = static_cast<std::int64_t>(columns);
    const float* const weights = problems.importance + offset;
    if (used == all && offset + all * size <= period) {
        if (size == 32) return load(EvenRows<T, 32>{begin}, EvenRows<float, 32>{weights}, 32);
        if (size == 16) return load(EvenRows<T, 16>{begin}, EvenRows<float, 16>{weights}, 16);
    }
    const T* row[max_columns];
    const float* weight_row[max_columns];
    list_rows(begin, problems.size, used, std::identity(), row);
    for (std::int64_t c = 0; c < used; ++c, offset += size) {
        if (offset >= period) offset -= period;
        weight_row[c] = problems.importance + offset;
    }
    std::fill(weight_row + used, weight_row + columns, weight_row[0]);
    load(row, weight_row, tile.size);
}

/// Fills the tile with the problems from `first` on, which weigh(weighting, tile) weighs where
/// importance does not; returns how many there are.
template <class Weigh>
HWY_INLINE std::int64_t load_tile(const Problems& problems, std::int64_t first, Tile& tile,
                                  const Weigh& weigh) {
    const auto columns = static_cast<std::int64_t>(tile_columns());
    const std::int64_t used = std::min(columns, problems.count - first);
    if (problems.lanes != nullptr) {
        begin_tile(problems.size, tile);
        for_each_vector(first, used, [&](std::size_t problem, std::size_t column) HWY_ATTR {
            load_side_by_side(problems, problem, column, tile, [](Floats, Floats) HWY_ATTR {});
        });
        return used;
    }
    const StoredValues values = problems.values.from(first * problems.size);
    if (problems.importance == nullptr) {
        load_run(values, problems.size, used, tile);
    } else {
        begin_tile(problems.size, tile);
        HWY_ALIGN float variance[max_columns] = {};
        if (problems.weighting == Weighting::importance_spread) {
            std::copy_n(problems.variance + first, used, variance);
            std::fill(variance + used, variance + columns, variance[0]);
        }
        const std::int64_t offset =
            (problems.importance_offset + first * problems.size) % problems.importance_period;
        in_their_form(values, [&](const auto* begin) HWY_ATTR {
            load_weighted(problems, begin, offset, variance, used, tile);
        });
    }
    weigh(problems.weighting, tile);
    return used;
}
HWY_INLINE std::int64_t load_tile(const Problems& problems, std::int64_t first, Tile& tile) {
    return load_tile(problems, first, tile, weigh);
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

// A tile: problems transposed so that each lane holds one, with the weight of each value beside it.
// The weighting rules live here, the searches work on the tile. Compiled once per target.
#if defined(QUANTIZE_KERNELS_FIT_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_FIT_TILE_INL_H_
#undef QUANTIZE_KERNELS_FIT_TILE_INL_H_
#else
#define QUANTIZE_KERNELS_FIT_TILE_INL_H_
#endif

#include <algorithm>

#include "kernels/fit.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

inline constexpr std::size_t max_problem_size = 32;

/// Value i of the problem in column c is values[i * columns + c]; a column is a lane of one of
/// the tile's vectors. Columns beyond the last problem repeat the first, so that every lane holds
/// ordinary numbers.
///
/// A search writes levels while it reads on in values and weights. A read with the low twelve
/// address bits of a recent write may have to wait for it: on Zen 4 where some bits of the physical
/// pages agree too, which is for the system to draw, so that one run in four took up to 40 %
/// longer. Levels therefore lie a quarter of 4096 bytes off the others: farther than a processor
/// reads ahead.
struct Tile {
    HWY_ALIGN float levels[max_problem_size * max_columns + 256];
    HWY_ALIGN float values[max_problem_size * max_columns];
    HWY_ALIGN float weights[max_problem_size * max_columns];
    std::size_t columns = 0;
    std::size_t size = 0;
};

HWY_INLINE std::size_t tile_columns() {
    return 2 * hn::Lanes(FloatTag());
}

/// weights = rule(value) over the whole tile.
template <class Rule>
HWY_INLINE void weigh_tile(Tile& tile, const Rule& rule) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    for (std::size_t at = 0; at < tile.size * tile.columns; at += lanes) {
        const Floats x = hn::Load(d, tile.values + at);
        hn::Store(rule(x), d, tile.weights + at);
    }
}

/// Root mean square of each column of both vectors.
HWY_INLINE void root_mean_squares(const Tile& tile, Floats& rms0, Floats& rms1) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const std::size_t end = tile.size * 2 * lanes;
    Floats sum0 = hn::Zero(d), sum1 = sum0;
    for (std::size_t at = 0; at < end; at += 2 * lanes) {
        const Floats x0 = hn::Load(d, tile.values + at);
        const Floats x1 = hn::Load(d, tile.values + at + lanes);
        sum0 = hn::Add(sum0, hn::Mul(x0, x0));
        sum1 = hn::Add(sum1, hn::Mul(x1, x1));
    }
    // The size is a power of two: times its inverse is the division, bit for bit.
    const Floats inverse_size = hn::Set(d, 1.0f / static_cast<float>(tile.size));
    rms0 = hn::Sqrt(hn::Mul(sum0, inverse_size));
    rms1 = hn::Sqrt(hn::Mul(sum1, inverse_size));
}

HWY_INLINE void weigh_by_rms_plus_magnitude(Tile& tile) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    Floats rms0, rms1;
    root_mean_squares(tile, rms0, rms1);
    for (std::size_t at = 0; at < tile.size * 2 * lanes; at += 2 * lanes) {
        const Floats x0 = hn::Load(d, tile.values + at);
        const Floats x1 = hn::Load(d, tile.values + at + lanes);
        hn::Store(hn::Add(rms0, hn::Abs(x0)), d, tile.weights + at);
        hn::Store(hn::Add(rms1, hn::Abs(x1)), d, tile.weights + at + lanes);
    }
}

/// Where the importance weights of the tile's problems begin.
HWY_INLINE void find_importance(const Problems& problems, std::int64_t first, std::int64_t used,
                                const Tile& tile, const float** row) {
    std::int64_t at =
        (problems.importance_offset + first * problems.size) % problems.importance_period;
    for (std::int64_t c = 0; c < used; ++c) {
        row[c] = problems.importance + at;
        at += problems.size;
        if (at >= problems.importance_period) at -= problems.importance_period;
    }
    std::fill(row + used, row + tile.columns, row[0]);
}

/// Values and weights at once: square roots take long, and what brings values into lanes runs
/// beside them.
HWY_INLINE void load_with_spread(const Problems& problems, const float* const* values,
                                 const float* const* importance, std::int64_t first,
                                 std::int64_t used, Tile& tile) {
    HWY_ALIGN float variance[max_columns];
    std::copy_n(problems.variance + first, used, variance);
    std::fill(variance + used, variance + tile.columns, variance[0]);
    for_each_block(tile.columns, tile.size, [&](auto d, std::size_t c, std::size_t i) HWY_ATTR {
        hn::Vec<decltype(d)> x0, x1, x2, x3, w0, w1, w2, w3;
        load_transposed(d, values + c, i, x0, x1, x2, x3);
        load_transposed(d, importance + c, i, w0, w1, w2, w3);
        const auto spread = hn::LoadU(d, variance + c);
        const auto store = [&](auto x, auto w, std::size_t row) HWY_ATTR {
            const std::size_t at = row * tile.columns + c;
            hn::StoreU(x, d, tile.values + at);
            hn::StoreU(hn::Mul(w, hn::Sqrt(hn::Add(spread, hn::Mul(x, x)))), d, tile.weights + at);
        };
        store(x0, w0, i);
        store(x1, w1, i + 1);
        store(x2, w2, i + 2);
        store(x3, w3, i + 3);
    });
}

/// Weights where the values lie in the tile already.
HWY_INLINE void weigh(Weighting weighting, const float* const* importance, Tile& tile) {
    switch (weighting) {
        case Weighting::square:
            return weigh_tile(tile, [](Floats x) HWY_ATTR { return hn::Mul(x, x); });
        case Weighting::magnitude:
            return weigh_tile(tile, [](Floats x) HWY_ATTR { return hn::Abs(x); });
        case Weighting::rms_plus_magnitude:
            return weigh_by_rms_plus_magnitude(tile);
        case Weighting::importance:
            return transpose_to_tile(importance, tile.columns, tile.size, tile.weights);
        case Weighting::importance_spread:
            return;  // load_with_spread() weighs too
    }
}

/// Readies the tile for `used` problems at `row`, which has room for max_columns.
HWY_INLINE void begin_tile(const float** row, std::int64_t used, std::size_t size, Tile& tile) {
    tile.columns = tile_columns();
    tile.size = size;
    std::fill(row + used, row + tile.columns, row[0]);
}

/// Fills the tile's values with the `used` problems at `row`, which has room for max_columns.
HWY_INLINE void load_values(const float** row, std::int64_t used, std::size_t size, Tile& tile) {
    begin_tile(row, used, size, tile);
    transpose_to_tile(row, tile.columns, tile.size, tile.values);
}

/// Fills the tile with the problems from `first` on, which weigh(weighting, importance, tile)
/// weighs; returns how many there are.
template <class Weigh>
HWY_INLINE std::int64_t load_tile(const Problems& problems, std::int64_t first, Tile& tile,
                                  const Weigh& weigh) {
    const std::int64_t used =
        std::min(static_cast<std::int64_t>(tile_columns()), problems.count - first);
    const float* row[max_columns];
    for (std::int64_t c = 0; c < used; ++c) {
        row[c] = problems.values + (first + c) * problems.size;
    }
    begin_tile(row, used, static_cast<std::size_t>(problems.size), tile);
    const float* importance[max_columns];
    if (problems.importance != nullptr) find_importance(problems, first, used, tile, importance);
    if (problems.weighting == Weighting::importance_spread) {
        load_with_spread(problems, row, importance, first, used, tile);
    } else {
        transpose_to_tile(row, tile.columns, tile.size, tile.values);
    }
    weigh(problems.weighting, importance, tile);
    return used;
}
HWY_INLINE std::int64_t load_tile(const Problems& problems, std::int64_t first, Tile& tile) {
    return load_tile(problems, first, tile, weigh);
}

/// The value of largest magnitude, the first of several, in one vector of problems; +0 where all
/// are zeros.
HWY_INLINE Floats find_largest_magnitude(const Tile& tile, std::size_t column) {
    const FloatTag d;
    const IntTag di;
    const hn::RebindToUnsigned<IntTag> du;
    const std::size_t end = tile.size * tile.columns;
    // As integers, for which x86 has more units: bits of floats that are not negative order as
    // signed numbers above all others, those of negative ones as unsigned numbers above all others.
    auto most = hn::Zero(di);
    auto most_unsigned = hn::Zero(du);
    for (std::size_t at = column; at < end; at += tile.columns) {
        const Ints bits = hn::BitCast(di, hn::Load(d, tile.values + at));
        most = hn::Max(most, bits);
        most_unsigned = hn::Max(most_unsigned, hn::BitCast(du, bits));
    }
    const Floats high = hn::BitCast(d, most);
    const Floats low = hn::Min(hn::BitCast(d, most_unsigned), hn::Zero(d));
    const Floats magnitude = hn::Max(high, hn::Neg(low));
    Floats largest = hn::IfThenElse(hn::Eq(high, magnitude), high, low);
    const Mask tied = hn::And(hn::Gt(magnitude, hn::Zero(d)), hn::Eq(high, hn::Neg(low)));
    if (HWY_UNLIKELY(!hn::AllFalse(d, tied))) {
        for (std::size_t at = end + column; at > column;) {
            at -= tile.columns;
            const Floats x = hn::Load(d, tile.values + at);
            largest = hn::IfThenElse(hn::Eq(hn::Abs(x), magnitude), x, largest);
        }
    }
    return hn::IfThenElseZero(hn::Gt(magnitude, hn::Zero(d)), largest);
}

/// The lanes whose largest value is anything to speak of; it becomes 1 in the others.
HWY_INLINE Mask ensure_magnitude(Floats& largest) {
    const FloatTag d;
    const Mask holds_something = hn::Ge(hn::Abs(largest), hn::Set(d, smallest_magnitude));
    largest = hn::IfThenElse(holds_something, largest, hn::Set(d, 1.0f));
    return holds_something;
}

/// Writes the first `used` of a tile's results, which lie in `columns`.
HWY_INLINE void store_results(const float* columns, std::int64_t used, float* out) {
    std::copy_n(columns, used, out);
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

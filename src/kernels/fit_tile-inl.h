// A tile: problems transposed so that each lane holds one, with the weight of each value beside it.
// fit_load-inl.h fills it, the weighting rules live here, the searches work on it. Compiled once
// per target.
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
/// longer, the descent one in three up to 120 %. What is written therefore lies ahead of what is
/// read by some hundred of those 4096 bytes: a processor would have to read ahead by the rest of
/// them.
struct Tile {
    HWY_ALIGN float levels[max_problem_size * max_columns + 256];
    HWY_ALIGN float values[max_problem_size * max_columns];
    HWY_ALIGN float weights[max_problem_size * max_columns];
    std::size_t columns = 0;
    std::size_t size = 0;
};

/// Unused floats that bring what follows a tile, or what follows an array of a tile's length behind
/// it, so many bytes ahead of the tile's values in those twelve bits.
constexpr std::size_t gap_after_tile(std::size_t bytes) {
    constexpr std::size_t columns_and_size = 64;
    return 1024 - (columns_and_size + bytes) / sizeof(float);
}
constexpr std::size_t gap_after_array(std::size_t bytes, std::size_t bytes_before) {
    return 1024 - (bytes - bytes_before) / sizeof(float);
}

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

/// Weights by a rule that needs the values alone.
HWY_INLINE void weigh(Weighting weighting, Tile& tile) {
    switch (weighting) {
        case Weighting::square:
            return weigh_tile(tile, [](Floats x) HWY_ATTR { return hn::Mul(x, x); });
        case Weighting::magnitude:
            return weigh_tile(tile, [](Floats x) HWY_ATTR { return hn::Abs(x); });
        case Weighting::rms_plus_magnitude:
            return weigh_by_rms_plus_magnitude(tile);
        case Weighting::importance:
        case Weighting::importance_spread:
            return;  // load_tile() weighs too
    }
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

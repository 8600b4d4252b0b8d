// Coordinate descent on levels: one value after the other is moved to the level that suits the
// others' scale best, if that makes the whole fit better; up to five rounds. Two searches use it,
// with the differences that DescentPolicy names. Compiled once per target.
#if defined(QUANTIZE_KERNELS_FIT_DESCENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_FIT_DESCENT_INL_H_
#undef QUANTIZE_KERNELS_FIT_DESCENT_INL_H_
#else
#define QUANTIZE_KERNELS_FIT_DESCENT_INL_H_
#endif

#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

inline constexpr int descent_rounds = 5;

/// What the reference's two descents do differently.
struct DescentPolicy {
    bool has_lowest;     ///< levels are clamped from below too
    bool wraps_to_byte;  ///< a level is stored as an unsigned byte
    bool checks_before;  ///< the others' sum of squares must be positive before the move
    bool checks_after;   ///< the whole sum of squares must be positive after the move
};
inline constexpr DescentPolicy symmetric_descent{true, false, false, true};
inline constexpr DescentPolicy positive_descent{false, true, true, false};

struct LevelBounds {
    int lowest;
    int highest;
};

/// A value's new level, clamped, as a float.
template <DescentPolicy policy>
HWY_INLINE Floats clamped_level(Floats scaled, LevelBounds bounds) {
    const FloatTag d;
    const IntTag di;
    Ints level = hn::Min(nearest_int(scaled), hn::Set(di, bounds.highest));
    if constexpr (policy.has_lowest) level = hn::Max(level, hn::Set(di, bounds.lowest));
    return hn::ConvertTo(d, level);
}

/// A level as the reference stores it.
template <DescentPolicy policy>
HWY_INLINE Floats stored_level(Floats level) {
    if constexpr (!policy.wraps_to_byte) return level;
    const FloatTag d;
    const IntTag di;
    return hn::ConvertTo(d, hn::And(hn::ConvertTo(di, level), hn::Set(di, 0xFF)));
}

/// One value's move in one vector of problems; adds the lanes where it moved to `moved`.
template <DescentPolicy policy>
HWY_INLINE void move_level(const float* HWY_RESTRICT values, const float* HWY_RESTRICT weights,
                           float* HWY_RESTRICT levels, LevelBounds bounds, Floats& sum_xl,
                           Floats& sum_ll, Mask& moved) {
    const FloatTag d;
    const Floats zero = hn::Zero(d);
    const Floats x = hn::Load(d, values);
    const Floats w = hn::Load(d, weights);
    const Floats level = hn::Load(d, levels);
    const Floats wx = hn::Mul(w, x);
    const Floats others_xl = hn::Sub(sum_xl, hn::Mul(wx, level));
    const Floats others_ll = hn::Sub(sum_ll, hn::Mul(hn::Mul(w, level), level));
    Mask moves = hn::Gt(others_xl, zero);
    if constexpr (policy.checks_before) moves = hn::And(moves, hn::Gt(others_ll, zero));
    const Floats wanted = clamped_level<policy>(hn::Div(hn::Mul(x, others_ll), others_xl), bounds);
    moves = hn::And(moves, hn::Ne(wanted, level));
    // In later rounds hardly any level moves: then the sums do not change, and the next value's
    // work need not wait for this one's.
    if (hn::AllFalse(d, moves)) return;
    const Floats new_xl = hn::Add(others_xl, hn::Mul(wx, wanted));
    const Floats new_ll = hn::Add(others_ll, hn::Mul(hn::Mul(w, wanted), wanted));
    if constexpr (policy.checks_after) moves = hn::And(moves, hn::Gt(new_ll, zero));
    moves = hn::And(moves, hn::Gt(hn::Mul(hn::Mul(new_xl, new_xl), sum_ll),
                                  hn::Mul(hn::Mul(sum_xl, sum_xl), new_ll)));
    sum_xl = hn::IfThenElse(moves, new_xl, sum_xl);
    sum_ll = hn::IfThenElse(moves, new_ll, sum_ll);
    hn::Store(hn::IfThenElse(moves, stored_level<policy>(wanted), level), d, levels);
    moved = hn::Or(moved, moves);
}

/// Descends on both vectors of a tile. A problem in which a round moved nothing stays as it is in
/// further rounds, so that all may go on until none moves.
template <DescentPolicy policy>
HWY_INLINE void descend(const Tile& tile, LevelBounds bounds, float* HWY_RESTRICT levels,
                        Floats& xl0, Floats& xl1, Floats& ll0, Floats& ll1) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    for (int round = 0; round < descent_rounds; ++round) {
        Mask moved = hn::MaskFromVec(hn::Zero(d));
        for (std::size_t at = 0; at < tile.size * 2 * lanes; at += 2 * lanes) {
            move_level<policy>(tile.values + at, tile.weights + at, levels + at, bounds, xl0, ll0,
                               moved);
            move_level<policy>(tile.values + at + lanes, tile.weights + at + lanes,
                               levels + at + lanes, bounds, xl1, ll1, moved);
        }
        if (hn::AllFalse(d, moved)) break;
    }
}

/// The scale that fits the levels of one vector of problems best.
HWY_INLINE void store_scale(Floats sum_xl, Floats sum_ll, const float* holds_something,
                            std::size_t column, float* scale) {
    const FloatTag d;
    const Mask something = hn::Ne(hn::Load(d, holds_something + column), hn::Zero(d));
    const Mask fits = hn::And(something, hn::Gt(sum_ll, hn::Zero(d)));
    hn::Store(hn::IfThenElseZero(fits, hn::Div(sum_xl, sum_ll)), d, scale + column);
}

/// The tile's levels to bytes, problem after problem, with `offset` added; zeros for the problems
/// that have a zero in holds_something.
HWY_INLINE void store_levels(const Tile& tile, const float* levels, int offset,
                             const float* holds_something, std::int64_t used, std::uint8_t* out) {
    const FloatTag d;
    const IntTag di;
    const hn::Rebind<std::uint8_t, FloatTag> d8;
    const std::size_t total = tile.columns * tile.size;
    HWY_ALIGN float rows[max_problem_size * max_columns];
    HWY_ALIGN std::uint8_t bytes[max_problem_size * max_columns];
    transpose_from_tile(levels, tile.columns, tile.size, rows);
    for (std::size_t at = 0; at < total; at += hn::Lanes(d)) {
        const Ints level = hn::ConvertTo(di, hn::Load(d, rows + at));
        hn::StoreU(hn::DemoteTo(d8, hn::Add(level, hn::Set(di, offset))), d8, bytes + at);
    }
    for (std::int64_t c = 0; c < used; ++c) {
        if (holds_something[c] == 0) std::fill_n(bytes + c * tile.size, tile.size, std::uint8_t{0});
    }
    std::copy_n(bytes, static_cast<std::size_t>(used) * tile.size, out);
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

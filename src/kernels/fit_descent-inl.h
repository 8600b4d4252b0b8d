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
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

inline constexpr int descent_rounds = 5;

/// What the reference's two descents do differently.
struct DescentPolicy {
    bool has_lowest;     ///< levels are clamped from below too
    bool wraps_to_byte;  ///< a level is stored as an unsigned byte
    bool checks_before;  ///< the others' sum of squares must be positive before the move
    bool checks_after;   ///< the whole sum of squares must be positive after the move
    bool squares;        ///< weights are squares of the values; the tile does not hold them
};
inline constexpr DescentPolicy symmetric_descent{true, false, false, true, true};
inline constexpr DescentPolicy positive_descent{false, true, true, false, false};

struct LevelBounds {
    int lowest;
    int highest;
};

/// A tile with what the descent keeps of each value: its level, as an integer above nearest_bias
/// (in Tile::levels), and its terms in the two sums.
struct DescentTile : Tile {
    float gap_before_xl[gap_after_tile(512)];
    HWY_ALIGN float xl_terms[max_problem_size * max_columns];
    float gap_before_ll[gap_after_array(768, 512)];
    HWY_ALIGN float ll_terms[max_problem_size * max_columns];
};

/// nearest_int(scaled) + nearest_bias, clamped.
template <DescentPolicy policy>
HWY_INLINE Ints biased_level(Floats scaled, LevelBounds bounds) {
    const IntTag di;
    Ints level = biased_nearest(scaled);
    level = hn::Min(level, hn::Set(di, bounds.highest + nearest_bias));
    if constexpr (policy.has_lowest) {
        level = hn::Max(level, hn::Set(di, bounds.lowest + nearest_bias));
    }
    return level;
}

HWY_INLINE Floats level_of_biased(Ints biased) {
    return hn::ConvertTo(FloatTag(), hn::Sub(biased, hn::Set(IntTag(), nearest_bias)));
}

/// A level as the reference stores it; the bias ends in zero bits, so that it stays.
template <DescentPolicy policy>
HWY_INLINE Ints stored_level(Ints biased) {
    if constexpr (!policy.wraps_to_byte) return biased;
    const IntTag di;
    return hn::Or(hn::And(biased, hn::Set(di, 0xFF)), hn::Set(di, nearest_bias));
}

/// Adds a value's terms to the sums that the scale is fitted with.
HWY_INLINE void add_terms(Floats x, Floats w, Floats level, Floats& sum_xl, Floats& sum_ll) {
    sum_xl = hn::Add(sum_xl, hn::Mul(hn::Mul(w, x), level));
    sum_ll = hn::Add(sum_ll, hn::Mul(hn::Mul(w, level), level));
}

/// Starts one value: its level for `inverse`, its terms, and its part of the sums.
template <DescentPolicy policy>
HWY_INLINE void start_level(DescentTile& tile, std::size_t at, Floats x, Floats w, Floats inverse,
                            LevelBounds bounds, Floats& sum_xl, Floats& sum_ll) {
    const FloatTag d;
    const Ints biased = biased_level<policy>(hn::Mul(inverse, x), bounds);
    add_terms(x, w, level_of_biased(biased), sum_xl, sum_ll);
    const Ints stored = stored_level<policy>(biased);
    const Floats kept = level_of_biased(stored);
    hn::Store(hn::BitCast(d, stored), d, tile.levels + at);
    hn::Store(hn::Mul(hn::Mul(w, x), kept), d, tile.xl_terms + at);
    hn::Store(hn::Mul(hn::Mul(w, kept), kept), d, tile.ll_terms + at);
}

/// Moves one value in the lanes where that makes the fit better, of those that ask for it; adds
/// them to `moved`.
template <DescentPolicy policy>
HWY_INLINE void try_move(DescentTile& tile, std::size_t at, Mask moves, Ints wanted,
                         Floats others_xl, Floats others_ll, Floats& sum_xl, Floats& sum_ll,
                         Mask& moved) {
    const FloatTag d;
    const Floats x = hn::Load(d, tile.values + at);
    const Floats w = policy.squares ? hn::Mul(x, x) : hn::Load(d, tile.weights + at);
    const Floats wx = hn::Mul(w, x);
    const Floats level = level_of_biased(wanted);
    const Floats new_xl = hn::Add(others_xl, hn::Mul(wx, level));
    const Floats new_ll = hn::Add(others_ll, hn::Mul(hn::Mul(w, level), level));
    if constexpr (policy.checks_after) moves = hn::And(moves, hn::Gt(new_ll, hn::Zero(d)));
    moves = hn::And(moves, hn::Gt(hn::Mul(hn::Mul(new_xl, new_xl), sum_ll),
                                  hn::Mul(hn::Mul(sum_xl, sum_xl), new_ll)));
    sum_xl = hn::IfThenElse(moves, new_xl, sum_xl);
    sum_ll = hn::IfThenElse(moves, new_ll, sum_ll);
    moved = hn::Or(moved, moves);

    const Ints stored = stored_level<policy>(wanted);
    const Floats kept = level_of_biased(stored);
    const auto keep = [&](float* HWY_RESTRICT row, Floats v) HWY_ATTR {
        hn::Store(hn::IfThenElse(moves, v, hn::Load(d, row + at)), d, row + at);
    };
    keep(tile.levels, hn::BitCast(d, stored));
    keep(tile.xl_terms, hn::Mul(wx, kept));
    keep(tile.ll_terms, hn::Mul(hn::Mul(w, kept), kept));
}

/// The level that one value wants in one vector of problems, the sums without that value, and the
/// lanes in which it is another level than it has.
template <DescentPolicy policy>
HWY_INLINE Mask want_level(const DescentTile& tile, std::size_t at, LevelBounds bounds,
                           Floats sum_xl, Floats sum_ll, Ints& wanted, Floats& others_xl,
                           Floats& others_ll) {
    const FloatTag d;
    const IntTag di;
    others_xl = hn::Sub(sum_xl, hn::Load(d, tile.xl_terms + at));
    others_ll = hn::Sub(sum_ll, hn::Load(d, tile.ll_terms + at));
    const Floats ratio = hn::Div(hn::Mul(hn::Load(d, tile.values + at), others_ll), others_xl);
    wanted = biased_level<policy>(ratio, bounds);
    const Ints level = hn::BitCast(di, hn::Load(d, tile.levels + at));
    Mask moves = hn::Gt(others_xl, hn::Zero(d));
    if constexpr (policy.checks_before) moves = hn::And(moves, hn::Gt(others_ll, hn::Zero(d)));
    return hn::AndNot(hn::RebindMask(d, hn::Eq(wanted, level)), moves);
}

/// One value's turn in one vector of problems. `kRare` says that hardly any level moves: then the
/// sums do not change, and the next value's turn need not wait for the end of this one's.
template <DescentPolicy policy, bool kRare>
HWY_INLINE void visit_level(DescentTile& tile, std::size_t at, LevelBounds bounds, Floats& sum_xl,
                            Floats& sum_ll, Mask& moved) {
    Ints wanted;
    Floats others_xl, others_ll;
    const Mask moves =
        want_level<policy>(tile, at, bounds, sum_xl, sum_ll, wanted, others_xl, others_ll);
    if constexpr (kRare) {
        if (HWY_LIKELY(hn::AllFalse(FloatTag(), moves))) return;
    }
    try_move<policy>(tile, at, moves, wanted, others_xl, others_ll, sum_xl, sum_ll, moved);
}

/// Descends on one vector of the tile's problems from the levels in the tile and their sums. A
/// problem in which a round moved nothing stays as it is in further rounds, so that all may go on
/// until none moves.
template <DescentPolicy policy>
HWY_INLINE void descend(DescentTile& tile, std::size_t column, LevelBounds bounds, Floats& sum_xl,
                        Floats& sum_ll, int rounds = descent_rounds) {
    const FloatTag d;
    const std::size_t columns = tile.columns;
    const std::size_t end = tile.size * columns;
    for (int round = 0; round < rounds; ++round) {
        Mask moved = hn::MaskFromVec(hn::Zero(d));
        for (std::size_t at = column; at < end; at += columns) {
            visit_level<policy, true>(tile, at, bounds, sum_xl, sum_ll, moved);
        }
        if (hn::AllFalse(d, moved)) break;
    }
}

/// The sums of a tile's problems, by column, and what a round did to them.
struct DescentSums {
    HWY_ALIGN float xl[max_columns];
    HWY_ALIGN float ll[max_columns];
    std::uint32_t moved;  ///< columns in which the last round moved a level, as bits
};

/// The turns of one value in both vectors of a tile.
template <DescentPolicy policy>
HWY_INLINE void visit_both(DescentTile& tile, std::size_t at, LevelBounds bounds, Floats& xl0,
                           Floats& ll0, Mask& moved0, Floats& xl1, Floats& ll1, Mask& moved1) {
    visit_level<policy, false>(tile, at, bounds, xl0, ll0, moved0);
    visit_level<policy, false>(tile, at + hn::Lanes(FloatTag()), bounds, xl1, ll1, moved1);
}

HWY_INLINE void load_sums(const DescentSums& sums, Floats& xl0, Floats& ll0, Floats& xl1,
                          Floats& ll1) {
    const FloatTag d;
    xl0 = hn::Load(d, sums.xl);
    ll0 = hn::Load(d, sums.ll);
    xl1 = hn::Load(d, sums.xl + hn::Lanes(d));
    ll1 = hn::Load(d, sums.ll + hn::Lanes(d));
}
HWY_INLINE void store_sums(Floats xl0, Floats ll0, Floats xl1, Floats ll1, DescentSums& sums) {
    const FloatTag d;
    hn::Store(xl0, d, sums.xl);
    hn::Store(ll0, d, sums.ll);
    hn::Store(xl1, d, sums.xl + hn::Lanes(d));
    hn::Store(ll1, d, sums.ll + hn::Lanes(d));
}
HWY_INLINE void store_moved(Mask moved0, Mask moved1, DescentSums& sums) {
    sums.moved = bits_of(moved0) | bits_of(moved1) << hn::Lanes(FloatTag());
}

/// A round in which many levels move: over all vectors of one or two tiles side by side, since a
/// turn waits long for the one before.
template <DescentPolicy policy>
HWY_INLINE void descend_busily(DescentTile& tile, LevelBounds bounds, DescentSums& sums) {
    Floats xl0, ll0, xl1, ll1;
    load_sums(sums, xl0, ll0, xl1, ll1);
    Mask moved0 = hn::MaskFromVec(hn::Zero(FloatTag())), moved1 = moved0;
    const std::size_t columns = tile.columns;
    const std::size_t end = tile.size * columns;
    for (std::size_t at = 0; at < end; at += columns)
        visit_both<policy>(tile, at, bounds, xl0, ll0, moved0, xl1, ll1, moved1);
    store_sums(xl0, ll0, xl1, ll1, sums);
    store_moved(moved0, moved1, sums);
}
template <DescentPolicy policy>
HWY_INLINE void descend_busily(DescentTile& tile_a, DescentTile& tile_b, LevelBounds bounds,
                               DescentSums& sums_a, DescentSums& sums_b) {
    Floats xl0, ll0, xl1, ll1, xl2, ll2, xl3, ll3;
    load_sums(sums_a, xl0, ll0, xl1, ll1);
    load_sums(sums_b, xl2, ll2, xl3, ll3);
    Mask moved0 = hn::MaskFromVec(hn::Zero(FloatTag())), moved1 = moved0, moved2 = moved0,
         moved3 = moved0;
    const std::size_t columns = tile_a.columns;
    const std::size_t end = tile_a.size * columns;
    for (std::size_t at = 0; at < end; at += columns) {
        visit_both<policy>(tile_a, at, bounds, xl0, ll0, moved0, xl1, ll1, moved1);
        visit_both<policy>(tile_b, at, bounds, xl2, ll2, moved2, xl3, ll3, moved3);
    }
    store_sums(xl0, ll0, xl1, ll1, sums_a);
    store_sums(xl2, ll2, xl3, ll3, sums_b);
    store_moved(moved0, moved1, sums_a);
    store_moved(moved2, moved3, sums_b);
}

/// Stores the scale that fits levels with these sums best: zero for problems with a zero flag.
HWY_INLINE void store_scale(const float* flags, std::size_t column, Floats sum_xl, Floats sum_ll,
                            float* scales) {
    const FloatTag d;
    const Mask fits =
        hn::And(hn::Gt(hn::Load(d, flags + column), hn::Zero(d)), hn::Gt(sum_ll, hn::Zero(d)));
    hn::Store(hn::IfThenElseZero(fits, hn::Div(sum_xl, sum_ll)), d, scales + column);
}

/// Stores 1 for lanes that hold something, 0 for the others.
HWY_INLINE void store_flags(Mask holds_something, std::size_t column, float* flags) {
    const FloatTag d;
    hn::Store(hn::IfThenElseZero(holds_something, hn::Set(d, 1.0f)), d, flags + column);
}

/// How a tile's levels are kept.
enum class LevelForm {
    floats,
    biased,  ///< as integers above nearest_bias
};

/// The tile's levels to bytes, problem after problem, with `offset` added; zeros for the problems
/// that have a zero flag.
template <LevelForm kForm>
HWY_INLINE void store_levels(const Tile& tile, int offset, const float* flags, std::int64_t used,
                             std::uint8_t* out) {
    const FloatTag d;
    const IntTag di;
    const hn::Rebind<std::uint8_t, FloatTag> d8;
    const std::size_t total = tile.columns * tile.size;
    HWY_ALIGN float rows[max_problem_size * max_columns];
    HWY_ALIGN std::uint8_t bytes[max_problem_size * max_columns];
    transpose_from_tile(tile.levels, tile.columns, tile.size, rows);
    for (std::size_t at = 0; at < total; at += hn::Lanes(d)) {
        const Floats row = hn::Load(d, rows + at);
        const Ints level = kForm == LevelForm::floats
                               ? nearest_int(row)  // of a NaN too, which ConvertTo does not take
                               : hn::Sub(hn::BitCast(di, row), hn::Set(di, nearest_bias));
        hn::StoreU(hn::DemoteTo(d8, hn::Add(level, hn::Set(di, offset))), d8, bytes + at);
    }
    for (std::int64_t c = 0; c < used; ++c) {
        if (flags[c] == 0) std::fill_n(bytes + c * tile.size, tile.size, std::uint8_t{0});
    }
    std::copy_n(bytes, static_cast<std::size_t>(used) * tile.size, out);
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

// What the affine search knows of a tile's problems between the steps of its sweep, and least
// squares for one candidate. Compiled once per target.
#if defined(QUANTIZE_KERNELS_FIT_AFFINE_STATE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_FIT_AFFINE_STATE_INL_H_
#undef QUANTIZE_KERNELS_FIT_AFFINE_STATE_INL_H_
#else
#define QUANTIZE_KERNELS_FIT_AFFINE_STATE_INL_H_
#endif

#include "kernels/fit_survey-inl.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// Ranges of values that leave their inverse and its products far from overflow and underflow.
inline constexpr float least_range = 0x1p-100f;
inline constexpr float most_range = 0x1p100f;
/// A sum of weighted squares between this and its inverse has products that lost nothing that
/// counts to overflow or underflow, where weights are of the size of the values.
inline constexpr float most_square_sum = 0x1p60f;

/// What the search of one tile knows between its steps, by column. It lies in memory so that tiles
/// can take turns. Of the extents, `highest` is 1 where there is nothing to search, `square_sum` a
/// NaN where it is extraordinary.
struct SearchState : Extents {
    // Of the problem. `has_range` is 1, or 0 where there is nothing to search.
    HWY_ALIGN float has_range[max_columns];
    HWY_ALIGN float least_range[max_columns];  ///< from here on to `most_range` it is ordinary
    HWY_ALIGN float flat_min[max_columns];
    // Of the best candidate so far.
    HWY_ALIGN float scale[max_columns];
    HWY_ALIGN float min[max_columns];
    HWY_ALIGN float inverse[max_columns];
    HWY_ALIGN float base[max_columns];
    HWY_ALIGN float error[max_columns];
    // Of the candidate at hand, which measures its levels from the best one's min.
    HWY_ALIGN float next_scale[max_columns];
    HWY_ALIGN float next_min[max_columns];
    HWY_ALIGN float next_inverse[max_columns];
    HWY_ALIGN float repeats[max_columns];  ///< 1 where the one after it has the same levels, else 0
    HWY_ALIGN float number[max_columns];   ///< which one of the sweep it is
};

HWY_INLINE void store_flag(Mask mask, float* flags) {
    const FloatTag d;
    hn::Store(hn::IfThenElseZero(mask, hn::Set(d, 1.0f)), d, flags);
}
HWY_INLINE Mask load_flag(const float* flags) {
    const FloatTag d;
    return hn::Ne(hn::Load(d, flags), hn::Zero(d));
}

/// What the search starts from, of extents that are known. A problem whose values are all one
/// number at or below zero has no scale; its lane gets a harmless range to work on.
HWY_INLINE void begin_search(std::size_t column, SearchState& state) {
    const FloatTag d;
    const Floats lowest = hn::Load(d, state.lowest + column);
    const Floats max = hn::Load(d, state.highest + column);
    const Floats min = hn::IfThenZeroElse(hn::Gt(lowest, hn::Zero(d)), lowest);
    hn::Store(min, d, state.flat_min + column);
    const Mask has_range = hn::Gt(max, min);
    store_flag(has_range, state.has_range + column);
    const Floats least =
        hn::Max(hn::Mul(hn::Sub(max, lowest), hn::Set(d, 0x1p-10f)), hn::Set(d, least_range));
    hn::Store(hn::IfThenElseZero(has_range, least), d, state.least_range + column);
    hn::Store(hn::IfThenElseZero(has_range, min), d, state.min + column);
    hn::Store(hn::IfThenElse(has_range, max, hn::Set(d, 1.0f)), d, state.highest + column);
    const Floats squares = hn::Load(d, state.square_sum + column);
    const Mask ordinary = hn::And(hn::Gt(squares, hn::Set(d, 1 / most_square_sum)),
                                  hn::Lt(squares, hn::Set(d, most_square_sum)));
    hn::Store(hn::IfThenElse(ordinary, squares, hn::NaN(d)), d, state.square_sum + column);
    hn::Store(hn::Zero(d), d, state.number + column);
}

/// Least squares for given levels; a min above zero is not wanted, then the scale alone is fitted.
/// Returns the lanes in which there is a solution.
HWY_INLINE Mask solve(Floats sum_w, Floats sum_x, Floats sum_l, Floats sum_l2, Floats sum_xl,
                      Floats& scale, Floats& min) {
    const FloatTag d;
    const Floats determinant = hn::Sub(hn::Mul(sum_w, sum_l2), hn::Mul(sum_l, sum_l));
    min = hn::Div(hn::Sub(hn::Mul(sum_l2, sum_x), hn::Mul(sum_l, sum_xl)), determinant);
    const Mask above_zero = hn::Gt(min, hn::Zero(d));
    const Floats with_min = hn::Sub(hn::Mul(sum_w, sum_xl), hn::Mul(sum_x, sum_l));
    scale = hn::Div(hn::IfThenElse(above_zero, sum_xl, with_min),
                    hn::IfThenElse(above_zero, sum_l2, determinant));
    min = hn::IfThenZeroElse(above_zero, min);
    return hn::Gt(determinant, hn::Zero(d));
}

/// Least squares for the candidate's sums.
HWY_INLINE void solve_candidate(std::size_t column, Floats sum_l, Floats sum_l2, Floats sum_xl,
                                SearchState& state) {
    const FloatTag d;
    Floats scale, min;
    const Mask solved =
        solve(hn::Load(d, state.weight_sum + column), hn::Load(d, state.value_sum + column), sum_l,
              sum_l2, sum_xl, scale, min);
    // Without a solution the error becomes a NaN, which is below nothing.
    hn::Store(hn::IfThenElse(solved, scale, hn::NaN(d)), d, state.next_scale + column);
    hn::Store(min, d, state.next_min + column);
}

/// The lanes in which the candidate may win, as far as its sums tell. The error follows from them:
/// the sum of w (s l + m - x)^2, for the scale s and the min m, is q + 2 p with
///
///     q = sum w x^2 + s^2 sum w l^2 + m^2 sum w,
///     p = s (m sum w l - sum w l x) - m sum w x.
///
/// For up to 32 values, and weights that are not negative, rounding hides at most 128 u q and 41 u
/// of the error itself, where u is 2^-24:
/// - A sum has lost at most 34 u of the sum of its terms' magnitudes. By Cauchy and Schwarz that
///   makes 34 u (sqrt(sum w x^2) + |s| sqrt(sum w l^2) + |m| sqrt(sum w))^2, or 102 u q.
/// - p's terms add up to q at most; with q they come out within 24 u q.
/// - The sweep squares a difference that is off by u (|s l| + |x| + 2 |difference|). By the same
///   inequality the squares fall short by 2 u q and 5 u of themselves. Adding them up loses 36 u.
///
/// A candidate whose error lies higher than the best one by 160 u of both q and the best therefore
/// loses. So does one without a solution, whose scale is a NaN. Extraordinary values make q a NaN,
/// and their candidates may always win, as where something overflows: the difference is a NaN then.
HWY_INLINE Mask may_win(std::size_t column, Floats sum_l, Floats sum_l2, Floats sum_xl,
                        const SearchState& state) {
    const FloatTag d;
    const Floats best = hn::Load(d, state.error + column);
    const Floats s = hn::Load(d, state.next_scale + column);
    const Floats m = hn::Load(d, state.next_min + column);
    const Floats weight_sum = hn::Load(d, state.weight_sum + column);
    const Floats value_sum = hn::Load(d, state.value_sum + column);
    Floats q = hn::Load(d, state.square_sum + column);
    q = hn::MulAdd(s, hn::Mul(s, sum_l2), q);
    q = hn::MulAdd(m, hn::Mul(m, weight_sum), q);
    const Floats p = hn::NegMulAdd(m, value_sum, hn::Mul(s, hn::MulSub(m, sum_l, sum_xl)));
    const Floats hidden = hn::Mul(hn::Set(d, 160 * 0x1p-24f), hn::Add(q, best));
    const Floats error = hn::MulAdd(hn::Set(d, 2.0f), p, q);
    const Mask loses = hn::Gt(hn::Sub(error, hidden), best);
    return hn::AndNot(loses, hn::Eq(s, s));
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

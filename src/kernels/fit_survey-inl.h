// Range and weighted sums of a tile's problems: what the affine search starts from, taken in the
// pass that weighs the values. Compiled once per target.
#if defined(QUANTIZE_KERNELS_FIT_SURVEY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_FIT_SURVEY_INL_H_
#undef QUANTIZE_KERNELS_FIT_SURVEY_INL_H_
#else
#define QUANTIZE_KERNELS_FIT_SURVEY_INL_H_
#endif

#include "kernels/fit.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// By column.
struct Extents {
    HWY_ALIGN float lowest[max_columns];
    HWY_ALIGN float highest[max_columns];
    HWY_ALIGN float weight_sum[max_columns];
    HWY_ALIGN float value_sum[max_columns];   ///< of weight * value
    HWY_ALIGN float square_sum[max_columns];  ///< of weight * value^2, in no particular rounding
};

/// A sum that begins with this keeps even the sign of its first term where that is a zero.
inline constexpr float empty_sum = -0.0f;

HWY_INLINE void store_sums(std::size_t column, Floats weights, Floats values, Floats squares,
                           Extents& extents) {
    const FloatTag d;
    hn::Store(weights, d, extents.weight_sum + column);
    hn::Store(values, d, extents.value_sum + column);
    hn::Store(squares, d, extents.square_sum + column);
}

/// The smallest and the largest value of one vector of problems, of several that are equal (zeros
/// of either sign) the first.
HWY_INLINE void find_range(const Tile& tile, std::size_t column, Extents& extents) {
    const FloatTag d;
    Floats lowest = hn::Load(d, tile.values + column);
    Floats highest = lowest;
    for (std::size_t at = column; at < tile.size * tile.columns; at += tile.columns) {
        const Floats x = hn::Load(d, tile.values + at);
        lowest = select_smaller(x, lowest);
        highest = select_larger(x, highest);
    }
    hn::Store(lowest, d, extents.lowest + column);
    hn::Store(highest, d, extents.highest + column);
}

using UnsignedTag = hn::RebindToUnsigned<FloatTag>;
using Unsigneds = hn::Vec<UnsignedTag>;

/// The same, given the largest of the values' bits as signed and as unsigned numbers: those of
/// positive floats order as signed numbers above all others, those of negative ones as unsigned
/// numbers above all others.
HWY_INLINE void find_range(const Tile& tile, std::size_t column, Ints most, Unsigneds most_unsigned,
                           Extents& extents) {
    const FloatTag d;
    const Floats highest = hn::BitCast(d, most);
    const Floats lowest = hn::BitCast(d, most_unsigned);
    hn::Store(lowest, d, extents.lowest + column);
    hn::Store(highest, d, extents.highest + column);
    const Mask known = hn::And(hn::Gt(highest, hn::Zero(d)), hn::Lt(lowest, hn::Zero(d)));
    if (HWY_UNLIKELY(!hn::AllTrue(d, known))) find_range(tile, column, extents);
}

/// Surveys a tile, and weighs it by rule(value) for the problems of one vector each. On the way,
/// bits are compared: x86 has more units for integers' maxima than for floats', which compete with
/// additions.
template <bool kSquares, class Rule0, class Rule1>
HWY_INLINE void weigh_and_survey(const Rule0& rule0, const Rule1& rule1, Tile& tile,
                                 Extents& extents) {
    const FloatTag d;
    const IntTag di;
    const UnsignedTag du;
    const std::size_t lanes = hn::Lanes(d);
    Ints most0 = hn::Zero(di), most1 = most0;
    Unsigneds most_unsigned0 = hn::Zero(du), most_unsigned1 = most_unsigned0;
    Floats weights0 = hn::Set(d, empty_sum), weights1 = weights0;
    Floats values0 = weights0, values1 = weights0;
    Floats squares0 = weights0, squares1 = weights0;
    for (std::size_t at = 0; at < tile.size * 2 * lanes; at += 2 * lanes) {
        const Floats x0 = hn::Load(d, tile.values + at);
        const Floats x1 = hn::Load(d, tile.values + at + lanes);
        const Floats w0 = rule0(x0);
        const Floats w1 = rule1(x1);
        hn::Store(w0, d, tile.weights + at);
        hn::Store(w1, d, tile.weights + at + lanes);
        most0 = hn::Max(most0, hn::BitCast(di, x0));
        most1 = hn::Max(most1, hn::BitCast(di, x1));
        most_unsigned0 = hn::Max(most_unsigned0, hn::BitCast(du, x0));
        most_unsigned1 = hn::Max(most_unsigned1, hn::BitCast(du, x1));
        const Floats wx0 = hn::Mul(w0, x0);
        const Floats wx1 = hn::Mul(w1, x1);
        weights0 = hn::Add(weights0, w0);
        weights1 = hn::Add(weights1, w1);
        values0 = hn::Add(values0, wx0);
        values1 = hn::Add(values1, wx1);
        if constexpr (kSquares) {
            squares0 = hn::MulAdd(wx0, x0, squares0);
            squares1 = hn::MulAdd(wx1, x1, squares1);
        }
    }
    find_range(tile, 0, most0, most_unsigned0, extents);
    find_range(tile, lanes, most1, most_unsigned1, extents);
    store_sums(0, weights0, values0, squares0, extents);
    store_sums(lanes, weights1, values1, squares1, extents);
}

/// Surveys one vector of problems that have weights: each_row(see) calls see(values, weights) for
/// each of the tile's rows in order, which may still be on their way there.
template <class EachRow>
HWY_INLINE void survey(const Tile& tile, std::size_t column, Extents& extents,
                       const EachRow& each_row) {
    const FloatTag d;
    Ints most = hn::Zero(IntTag());
    Unsigneds most_unsigned = hn::Zero(UnsignedTag());
    Floats weights = hn::Set(d, empty_sum), values = weights;
    each_row([&](Floats x, Floats w) HWY_ATTR {
        most = hn::Max(most, hn::BitCast(IntTag(), x));
        most_unsigned = hn::Max(most_unsigned, hn::BitCast(UnsignedTag(), x));
        weights = hn::Add(weights, w);
        values = hn::Add(values, hn::Mul(w, x));
    });
    find_range(tile, column, most, most_unsigned, extents);
    store_sums(column, weights, values, hn::Zero(d), extents);
}
HWY_INLINE void survey(const Tile& tile, std::size_t column, Extents& extents) {
    survey(tile, column, extents, [&](const auto& see) HWY_ATTR {
        const FloatTag d;
        for (std::size_t at = column; at < tile.size * tile.columns; at += tile.columns)
            see(hn::Load(d, tile.values + at), hn::Load(d, tile.weights + at));
    });
}

/// Weighs the values of a tile unless they have weights, and surveys it.
HWY_INLINE void weigh_and_survey(Weighting weighting, Tile& tile, Extents& extents) {
    if (weighting == Weighting::rms_plus_magnitude) {
        Floats rms0, rms1;
        root_mean_squares(tile, rms0, rms1);
        weigh_and_survey<true>([&](Floats x) HWY_ATTR { return hn::Add(rms0, hn::Abs(x)); },
                               [&](Floats x) HWY_ATTR { return hn::Add(rms1, hn::Abs(x)); }, tile,
                               extents);
    } else if (weighting == Weighting::magnitude) {
        const auto rule = [](Floats x) HWY_ATTR { return hn::Abs(x); };
        weigh_and_survey<false>(rule, rule, tile, extents);
    } else {
        weigh(weighting, tile);
        survey(tile, 0, extents);
        survey(tile, hn::Lanes(FloatTag()), extents);
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

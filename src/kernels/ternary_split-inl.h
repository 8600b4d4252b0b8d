// The best split of sorted values into three levels: all pairs of boundaries are tried, with each
// shift. One lane is one sub-block, whose sums run as in a scalar loop. Compiled once per target,
// in ternary.cpp.
#if defined(QUANTIZE_KERNELS_TERNARY_SPLIT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_TERNARY_SPLIT_INL_H_
#undef QUANTIZE_KERNELS_TERNARY_SPLIT_INL_H_
#else
#define QUANTIZE_KERNELS_TERNARY_SPLIT_INL_H_
#endif

#include <cfloat>

#include "kernels/ternary_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

inline constexpr const float* plus = ternary_plus;
inline constexpr const float* minus = ternary_minus;

/// Whether a trial with these sums has more merit, product^2 / square, than the best one.
HWY_INLINE Mask beats(Floats product, Floats square, Floats merit) {
    return hn::Gt(hn::Mul(product, product), hn::Mul(merit, square));
}

/// Takes a trial with these sums where it beats the best one.
HWY_INLINE void keep_better(Floats product, Floats square, int tag, Floats& merit, Floats& scale,
                            Ints& best_tag) {
    const FloatTag df;
    const IntTag di;
    const auto better = hn::And(hn::Gt(square, hn::Zero(df)), beats(product, square, merit));
    const Floats candidate = hn::Div(product, square);
    merit = hn::IfThenElse(better, hn::Mul(candidate, product), merit);
    scale = hn::IfThenElse(better, candidate, scale);
    best_tag = hn::IfThenElse(hn::RebindMask(di, better), hn::Set(di, tag), best_tag);
}

/// What the sums of sub-blocks of 32 are put together from, by boundary: the running sums, and
/// the parts below the first and from the second boundary on, for either shift.
struct Parts32 {
    static constexpr std::size_t boundaries = 33;
    HWY_ALIGN float product[boundaries * max_lanes];
    HWY_ALIGN float square[boundaries * max_lanes];
    HWY_ALIGN float product_above_plus[boundaries * max_lanes];
    HWY_ALIGN float product_above_minus[boundaries * max_lanes];
    HWY_ALIGN float square_above_plus[boundaries * max_lanes];
    HWY_ALIGN float square_above_minus[boundaries * max_lanes];
};

HWY_INLINE Floats times(Floats v, float factor) {
    return hn::Mul(v, hn::Set(FloatTag(), factor));
}

void add_up_32(const Tile<32>& tile, Parts32& parts) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    Floats product = hn::Zero(df), square = hn::Zero(df);
    for (std::size_t j = 0; j <= 32; ++j) {
        hn::Store(product, df, parts.product + j * lanes);
        hn::Store(square, df, parts.square + j * lanes);
        if (j == 32) break;
        const Floats weight = hn::Load(df, tile.weight + j * lanes);
        product = hn::Add(product, hn::Mul(weight, hn::Load(df, tile.sorted + j * lanes)));
        square = hn::Add(square, weight);
    }
    for (std::size_t at = 0; at <= 32 * lanes; at += lanes) {
        const Floats product_above = hn::Sub(product, hn::Load(df, parts.product + at));
        const Floats square_above = hn::Sub(square, hn::Load(df, parts.square + at));
        hn::Store(times(product_above, plus[2]), df, parts.product_above_plus + at);
        hn::Store(times(product_above, minus[2]), df, parts.product_above_minus + at);
        hn::Store(times(times(square_above, plus[2]), plus[2]), df, parts.square_above_plus + at);
        hn::Store(times(times(square_above, minus[2]), minus[2]), df,
                  parts.square_above_minus + at);
    }
}

/// All pairs of boundaries, with either shift. The middle level is plus or minus the same number,
/// so its part of the product is added or subtracted and its part of the square is the same.
void search(const Tile<32>& tile, Best& best) {
    const FloatTag df;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(df);
    Parts32 parts;
    add_up_32(tile, parts);
    Floats merit = hn::Set(df, -FLT_MAX), scale = hn::Zero(df);
    Ints tag = hn::Set(di, -1);
    for (std::size_t first = 0; first <= 32; ++first) {
        const Floats product_below = hn::Load(df, parts.product + first * lanes);
        const Floats square_below = hn::Load(df, parts.square + first * lanes);
        const Floats product_plus = times(product_below, plus[0]);
        const Floats product_minus = times(product_below, minus[0]);
        const Floats square_plus = times(times(square_below, plus[0]), plus[0]);
        const Floats square_minus = times(times(square_below, minus[0]), minus[0]);
        for (std::size_t second = first; second <= 32; ++second) {
            const std::size_t at = second * lanes;
            const Floats product =
                times(hn::Sub(hn::Load(df, parts.product + at), product_below), plus[1]);
            const Floats square = times(
                times(hn::Sub(hn::Load(df, parts.square + at), square_below), plus[1]), plus[1]);
            const Floats product0 = hn::Add(hn::Add(product_plus, product),
                                            hn::Load(df, parts.product_above_plus + at));
            const Floats square0 =
                hn::Add(hn::Add(square_plus, square), hn::Load(df, parts.square_above_plus + at));
            const Floats product1 = hn::Add(hn::Sub(product_minus, product),
                                            hn::Load(df, parts.product_above_minus + at));
            const Floats square1 =
                hn::Add(hn::Add(square_minus, square), hn::Load(df, parts.square_above_minus + at));
            const auto better =
                hn::Or(beats(product0, square0, merit), beats(product1, square1, merit));
            if (HWY_LIKELY(hn::AllFalse(df, better))) continue;

            keep_better(product0, square0, make_tag(first, second, 0), merit, scale, tag);
            keep_better(product1, square1, make_tag(first, second, 1), merit, scale, tag);
        }
    }
    hn::Store(scale, df, best.scale);
    hn::Store(tag, di, best.tag);
}

/// What each sorted value of a sub-block of 16 adds to the sums: by level, shifts and position.
struct Terms16 {
    HWY_ALIGN float product[3][4][16 * max_lanes];
    HWY_ALIGN float square[3][4][16 * max_lanes];
};

/// `shifts` has bit 1 set when the first eight values have the minus shift, bit 0 for the others.
void prepare_terms(const Tile<16>& tile, Terms16& terms) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    for (std::size_t at = 0; at < 16 * lanes; at += lanes) {
        const Floats value = hn::Load(df, tile.sorted + at);
        const Floats weight = hn::Load(df, tile.weight + at);
        const auto early = hn::Lt(hn::Load(df, tile.position + at), hn::Set(df, 8.0f));
        for (std::size_t level = 0; level < 3; ++level) {
            const Floats weighted_plus = times(weight, plus[level]);
            const Floats weighted_minus = times(weight, minus[level]);
            const Floats product_plus = hn::Mul(weighted_plus, value);
            const Floats product_minus = hn::Mul(weighted_minus, value);
            const Floats square_plus = times(weighted_plus, plus[level]);
            const Floats square_minus = times(weighted_minus, minus[level]);
            hn::Store(product_plus, df, terms.product[level][0] + at);
            hn::Store(hn::IfThenElse(early, product_plus, product_minus), df,
                      terms.product[level][1] + at);
            hn::Store(hn::IfThenElse(early, product_minus, product_plus), df,
                      terms.product[level][2] + at);
            hn::Store(product_minus, df, terms.product[level][3] + at);
            hn::Store(square_plus, df, terms.square[level][0] + at);
            hn::Store(hn::IfThenElse(early, square_plus, square_minus), df,
                      terms.square[level][1] + at);
            hn::Store(hn::IfThenElse(early, square_minus, square_plus), df,
                      terms.square[level][2] + at);
            hn::Store(square_minus, df, terms.square[level][3] + at);
        }
    }
}

/// Adds the terms that the value at `at` has on one level, for all four choices of shifts.
HWY_INLINE void add_terms(const Terms16& terms, std::size_t level, std::size_t at, Floats& p0,
                          Floats& p1, Floats& p2, Floats& p3, Floats& s0, Floats& s1, Floats& s2,
                          Floats& s3) {
    const FloatTag df;
    p0 = hn::Add(p0, hn::Load(df, terms.product[level][0] + at));
    p1 = hn::Add(p1, hn::Load(df, terms.product[level][1] + at));
    p2 = hn::Add(p2, hn::Load(df, terms.product[level][2] + at));
    p3 = hn::Add(p3, hn::Load(df, terms.product[level][3] + at));
    s0 = hn::Add(s0, hn::Load(df, terms.square[level][0] + at));
    s1 = hn::Add(s1, hn::Load(df, terms.square[level][1] + at));
    s2 = hn::Add(s2, hn::Load(df, terms.square[level][2] + at));
    s3 = hn::Add(s3, hn::Load(df, terms.square[level][3] + at));
}

/// All pairs of boundaries with all four choices of shifts. Sums run from the smallest value to
/// the largest, so the sums up to the second boundary are carried along and only the rest is
/// added anew for each pair.
void search(const Tile<16>& tile, Best& best) {
    const FloatTag df;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(df);
    Terms16 terms;
    prepare_terms(tile, terms);
    Floats merit = hn::Set(df, -FLT_MAX), scale = hn::Zero(df);
    Ints tag = hn::Set(di, -1);
    const Floats zero = hn::Zero(df);
    Floats bp0 = zero, bp1 = zero, bp2 = zero, bp3 = zero;
    Floats bs0 = zero, bs1 = zero, bs2 = zero, bs3 = zero;
    for (std::size_t first = 0; first <= 16; ++first) {
        Floats mp0 = bp0, mp1 = bp1, mp2 = bp2, mp3 = bp3;
        Floats ms0 = bs0, ms1 = bs1, ms2 = bs2, ms3 = bs3;
        for (std::size_t second = first; second <= 16; ++second) {
            Floats p0 = mp0, p1 = mp1, p2 = mp2, p3 = mp3;
            Floats s0 = ms0, s1 = ms1, s2 = ms2, s3 = ms3;
            for (std::size_t j = second; j < 16; ++j) {
                add_terms(terms, 2, j * lanes, p0, p1, p2, p3, s0, s1, s2, s3);
            }
            const Mask better = hn::Or(hn::Or(beats(p0, s0, merit), beats(p1, s1, merit)),
                                       hn::Or(beats(p2, s2, merit), beats(p3, s3, merit)));
            if (HWY_UNLIKELY(!hn::AllFalse(df, better))) {
                keep_better(p0, s0, make_tag(first, second, 0), merit, scale, tag);
                keep_better(p1, s1, make_tag(first, second, 1), merit, scale, tag);
                keep_better(p2, s2, make_tag(first, second, 2), merit, scale, tag);
                keep_better(p3, s3, make_tag(first, second, 3), merit, scale, tag);
            }
            if (second == 16) break;
            add_terms(terms, 1, second * lanes, mp0, mp1, mp2, mp3, ms0, ms1, ms2, ms3);
        }
        if (first == 16) break;
        add_terms(terms, 0, first * lanes, bp0, bp1, bp2, bp3, bs0, bs1, bs2, bs3);
    }
    hn::Store(scale, df, best.scale);
    hn::Store(tag, di, best.tag);
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

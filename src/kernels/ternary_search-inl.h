// The point of the grid nearest to eight values, among the neighbours in a list: lanes are
// neighbours, and each adds the eight terms of its own point. Compiled once per target, in
// ternary.cpp.
#if defined(QUANTIZE_KERNELS_TERNARY_SEARCH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_TERNARY_SEARCH_INL_H_
#undef QUANTIZE_KERNELS_TERNARY_SEARCH_INL_H_
#else
#define QUANTIZE_KERNELS_TERNARY_SEARCH_INL_H_
#endif

#include <cfloat>
#include <limits>

#include "kernels/lanes-inl.h"
#include "kernels/ternary.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

/// The term that value `i` of a point adds to its error; `terms` has four entries per value.
HWY_INLINE Floats look_up(const float* terms, Ints word, int i) {
    const FloatTag df;
    const IntTag di;
    const Ints level = hn::And(hn::ShiftRightSame(word, 4 * i), hn::Set(di, 3));
    return hn::TableLookupLanes(hn::LoadDup128(df, terms + 4 * i), hn::IndicesFromVec(df, level));
}

/// The terms of all levels of the query's eight values, four entries (the last unused) per value.
HWY_INLINE void prepare_terms(const TernaryQuery& query, float* terms) {
    const hn::CappedTag<float, ternary_group> df;
    const auto scale = hn::Set(df, query.scale);
    for (std::size_t i = 0; i < ternary_group; i += hn::Lanes(df)) {
        const auto value = hn::LoadU(df, query.values + i);
        const auto weight = hn::LoadU(df, query.weights + i);
        const auto term = [&](float level) HWY_ATTR {
            const auto difference = hn::Sub(hn::Mul(scale, hn::Set(df, level)), value);
            return hn::Mul(hn::Mul(weight, difference), difference);
        };
        const auto term2 = term(query.levels[2]);
        hn::StoreInterleaved4(term(query.levels[0]), term(query.levels[1]), term2, term2, df,
                              terms + 4 * i);
    }
}

HWY_INLINE std::int32_t find_neighbour(const TernaryQuery& query) {
    const FloatTag df;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(df);
    HWY_ALIGN float terms[4 * ternary_group];
    prepare_terms(query, terms);
    Floats least = hn::Set(df, FLT_MAX);
    Ints where = hn::Set(di, -1);
    Ints position = hn::Iota(di, 0);
    const Ints step = hn::Set(di, static_cast<std::int32_t>(lanes));
    for (std::size_t at = 0; at < query.count; at += lanes) {
        const Ints word = hn::LoadU(di, reinterpret_cast<const std::int32_t*>(query.words + at));
        Floats error = look_up(terms, word, 0);
        for (int i = 1; i < 8; ++i)
            error = hn::Add(error, look_up(terms, word, i));
        const auto less = hn::Lt(error, least);
        least = hn::IfThenElse(less, error, least);
        where = hn::IfThenElse(hn::RebindMask(di, less), position, where);
        position = hn::Add(position, step);
    }
    // Each lane has the first of its best; the earliest of the best lanes is the first of all.
    const auto best = hn::Eq(least, hn::MinOfLanes(df, least));
    const Ints latest = hn::Set(di, std::numeric_limits<std::int32_t>::max());
    return hn::GetLane(hn::MinOfLanes(di, hn::IfThenElse(hn::RebindMask(di, best), where, latest)));
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

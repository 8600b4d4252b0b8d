// The searches of IQ1_S and IQ1_M, for every instruction set: splits (ternary_split-inl.h),
// neighbours (ternary_search-inl.h), and the weighting and decoding around them.
#include "kernels/ternary.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ternary.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"
#include "kernels/ternary_search-inl.h"
#include "kernels/ternary_split-inl.h"
#include "kernels/ternary_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

template <std::size_t n>
void split(const float* values, const float* weights, std::size_t count, float smallest_maximum,
           TernarySplit* splits) {
    const std::size_t lanes = hn::Lanes(FloatTag());
    Tile<n> tile;
    Best best;
    for (std::size_t first = 0; first < count; first += lanes) {
        load_tile(values, weights, first, count, tile);
        sort_tile(tile);
        search(tile, best);
        drop_empty(tile, smallest_maximum, best);
        write_splits(tile, best, HWY_MIN(lanes, count - first), splits + first);
    }
}

void split_32(const float* values, const float* weights, std::size_t count, TernarySplit* splits) {
    split<32>(values, weights, count, 1e-12f, splits);
}

void split_16(const float* values, const float* weights, std::size_t count, TernarySplit* splits) {
    split<16>(values, weights, count, 1e-7f, splits);
}

void weigh(const float* values, const float* importance, const float* means,
           std::size_t elems_per_mean, std::size_t elems, float* weights) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    for (std::size_t at = 0; at < elems; at += lanes) {
        const Floats value = hn::LoadU(df, values + at);
        Floats weight = hn::Mul(value, value);
        if (importance != nullptr) {
            const Floats mean = hn::Set(df, means[at / elems_per_mean]);
            weight = hn::Mul(hn::LoadU(df, importance + at), hn::Sqrt(hn::Add(mean, weight)));
        }
        hn::StoreU(weight, df, weights + at);
    }
}

void expand(const TernaryGroup* groups, std::size_t count, float* values) {
    const hn::CappedTag<float, ternary_group> df;
    const hn::RebindToSigned<decltype(df)> di;
    const hn::Rebind<std::int8_t, decltype(df)> db;
    for (std::size_t g = 0; g < count; ++g) {
        const auto scale = hn::Set(df, groups[g].scale);
        const auto shift = hn::Set(df, groups[g].shift);
        for (std::size_t i = 0; i < ternary_group; i += hn::Lanes(df)) {
            const auto point =
                hn::ConvertTo(df, hn::PromoteTo(di, hn::LoadU(db, groups[g].point + i)));
            hn::StoreU(hn::Mul(scale, hn::Add(point, shift)), df, values + g * ternary_group + i);
        }
    }
}

void find_neighbours(const TernaryQuery* queries, std::size_t count, std::int32_t* positions) {
    for (std::size_t q = 0; q < count; ++q)
        positions[q] = find_neighbour(queries[q]);
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(weigh);
HWY_EXPORT(split_32);
HWY_EXPORT(split_16);
HWY_EXPORT(expand);
HWY_EXPORT(find_neighbours);

void weigh_ternary(const float* values, const float* importance, const float* means,
                   std::size_t elems_per_mean, std::size_t elems, float* weights) {
    HWY_DYNAMIC_DISPATCH(weigh)(values, importance, means, elems_per_mean, elems, weights);
}

void split_ternary_32(const float* values, const float* weights, std::size_t count,
                      TernarySplit* splits) {
    HWY_DYNAMIC_DISPATCH(split_32)(values, weights, count, splits);
}

void split_ternary_16(const float* values, const float* weights, std::size_t count,
                      TernarySplit* splits) {
    HWY_DYNAMIC_DISPATCH(split_16)(values, weights, count, splits);
}

void expand_ternary(const TernaryGroup* groups, std::size_t count, float* values) {
    HWY_DYNAMIC_DISPATCH(expand)(groups, count, values);
}

void find_ternary_neighbours(const TernaryQuery* queries, std::size_t count,
                             std::int32_t* positions) {
    HWY_DYNAMIC_DISPATCH(find_neighbours)(queries, count, positions);
}

}  // namespace quantize::kernels
#endif

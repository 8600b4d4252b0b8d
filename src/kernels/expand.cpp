// Decoding kernels; one lane per value.
#include "kernels/expand.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/expand.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

HWY_INLINE Floats load_levels(const std::int8_t* HWY_RESTRICT levels) {
    const hn::Rebind<std::int8_t, FloatTag> d8;
    return hn::ConvertTo(FloatTag(), hn::PromoteTo(IntTag(), hn::LoadU(d8, levels)));
}

void scale_levels(const std::int8_t* HWY_RESTRICT levels, const float* HWY_RESTRICT scales,
                  std::int64_t blocks, int block_elems, float* HWY_RESTRICT values) {
    const FloatTag d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    for (std::int64_t b = 0; b < blocks; ++b, levels += block_elems, values += block_elems) {
        const Floats scale = hn::Set(d, scales[b]);
        for (int i = 0; i < block_elems; i += lanes) {
            hn::StoreU(hn::Mul(load_levels(levels + i), scale), d, values + i);
        }
    }
}

void scale_and_shift_levels(const std::int8_t* HWY_RESTRICT levels,
                            const float* HWY_RESTRICT scales, const float* HWY_RESTRICT mins,
                            std::int64_t blocks, int block_elems, float* HWY_RESTRICT values) {
    const FloatTag d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    for (std::int64_t b = 0; b < blocks; ++b, levels += block_elems, values += block_elems) {
        const Floats scale = hn::Set(d, scales[b]);
        const Floats min = hn::Set(d, mins[b]);
        for (int i = 0; i < block_elems; i += lanes) {
            hn::StoreU(hn::Add(hn::Mul(load_levels(levels + i), scale), min), d, values + i);
        }
    }
}

void points_of_codes(const std::int8_t* HWY_RESTRICT points, std::int8_t* HWY_RESTRICT codes,
                     std::int64_t n) {
    const hn::FixedTag<std::int8_t, 16> d;
    const auto table = hn::LoadU(d, points);
    for (std::int64_t i = 0; i < n; i += 16) {
        hn::StoreU(hn::TableLookupBytes(table, hn::LoadU(d, codes + i)), d, codes + i);
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(scale_levels);
HWY_EXPORT(scale_and_shift_levels);
HWY_EXPORT(points_of_codes);

void expand_levels(const std::int8_t* levels, const float* scales, std::int64_t blocks,
                   int block_elems, float* values) {
    HWY_DYNAMIC_DISPATCH(scale_levels)(levels, scales, blocks, block_elems, values);
}

void expand_levels(const std::int8_t* levels, const float* scales, const float* mins,
                   std::int64_t blocks, int block_elems, float* values) {
    HWY_DYNAMIC_DISPATCH(scale_and_shift_levels)(levels, scales, mins, blocks, block_elems, values);
}

void look_up_points(const std::array<std::int8_t, 16>& points, std::int8_t* codes, std::int64_t n) {
    HWY_DYNAMIC_DISPATCH(points_of_codes)(points.data(), codes, n);
}

}  // namespace quantize::kernels
#endif  // HWY_ONCE

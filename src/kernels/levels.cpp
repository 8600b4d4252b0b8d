// Levels of values and values of levels, a vector along the values of a sub-block at a time.
#include "kernels/levels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/levels.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/lanes-inl.h"
#include "kernels/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

using SignedByteTag = hn::Rebind<std::int8_t, FloatTag>;

HWY_INLINE void store_levels(Floats scaled, LevelRange range, std::uint8_t* levels) {
    const IntTag di;
    const Ints level =
        hn::Min(hn::Max(biased_nearest(scaled), hn::Set(di, nearest_bias + range.lowest)),
                hn::Set(di, nearest_bias + range.highest));
    store_low_bytes(hn::Add(level, hn::Set(di, range.offset - nearest_bias)), levels);
}

void relevel_lanes(const float* values, std::int64_t count, int size, const float* scale,
                   const float* min, LevelRange range, std::uint8_t* levels) {
    const FloatTag d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    for (std::int64_t s = 0; s < count; ++s, values += size, levels += size) {
        if (scale[s] == 0) continue;
        const Floats divisor = hn::Set(d, scale[s]);
        const Floats shift = hn::Set(d, min[s]);
        for (int i = 0; i < size; i += lanes) {
            const Floats x = hn::LoadU(d, values + i);
            store_levels(hn::Div(hn::Add(x, shift), divisor), range, levels + i);
        }
    }
}

void level_by_inverse_lanes(const float* values, std::int64_t count, int size, const float* inverse,
                            const float* base, LevelRange range, std::uint8_t* levels) {
    const FloatTag d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    for (std::int64_t s = 0; s < count; ++s, values += size, levels += size) {
        if (inverse[s] == 0) {
            std::fill_n(levels, size, std::uint8_t{0});
            continue;
        }
        const Floats factor = hn::Set(d, inverse[s]);
        const Floats start = hn::Set(d, base[s]);
        for (int i = 0; i < size; i += lanes) {
            const Floats x = hn::LoadU(d, values + i);
            store_levels(hn::Mul(factor, hn::Sub(x, start)), range, levels + i);
        }
    }
}

void expand_levels_lanes(const std::int8_t* levels, std::int64_t count, int size,
                         const float* scale, const float* min, float* values) {
    const FloatTag d;
    const IntTag di;
    const SignedByteTag d8;
    const int lanes = static_cast<int>(hn::Lanes(d));
    for (std::int64_t s = 0; s < count; ++s, values += size, levels += size) {
        const Floats factor = hn::Set(d, scale[s]);
        const Floats shift = hn::Set(d, min[s]);
        for (int i = 0; i < size; i += lanes) {
            const Ints level = hn::PromoteTo(di, hn::LoadU(d8, levels + i));
            hn::StoreU(hn::Sub(hn::Mul(factor, hn::ConvertTo(d, level)), shift), d, values + i);
        }
    }
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(relevel_lanes);
void relevel(const float* values, std::int64_t count, int size, const float* scale,
             const float* min, LevelRange range, std::uint8_t* levels) {
    HWY_DYNAMIC_DISPATCH(relevel_lanes)(values, count, size, scale, min, range, levels);
}

HWY_EXPORT(level_by_inverse_lanes);
void level_by_inverse(const float* values, std::int64_t count, int size, const float* inverse,
                      const float* base, LevelRange range, std::uint8_t* levels) {
    HWY_DYNAMIC_DISPATCH(level_by_inverse_lanes)(values, count, size, inverse, base, range, levels);
}

HWY_EXPORT(expand_levels_lanes);
void expand_levels(const std::int8_t* levels, std::int64_t count, int size, const float* scale,
                   const float* min, float* values) {
    HWY_DYNAMIC_DISPATCH(expand_levels_lanes)(levels, count, size, scale, min, values);
}

}  // namespace quantize::kernels
#endif

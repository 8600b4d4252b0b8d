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

/// Stores the levels that `level_at(s, i)` gives for the values of sub-block s from i on, clamped.
template <int kSize, class LevelAt>
HWY_INLINE void store_clamped(int count, LevelRange range, std::uint8_t* levels,
                              const LevelAt& level_at) {
    store_levels(
        count * kSize, reinterpret_cast<std::int8_t*>(levels),
        [&](int i) HWY_ATTR { return level_at(i / kSize, i); },
        [&](auto d8, auto level) HWY_ATTR {
            const auto set = [&](int v)
                                 HWY_ATTR { return hn::Set(d8, static_cast<std::int8_t>(v)); };
            level = hn::Min(hn::Max(level, set(range.lowest)), set(range.highest));
            return hn::Add(level, set(range.offset));
        });
}

template <int kSize>
HWY_INLINE void relevel_sized(const float* values, std::int64_t count, const float* scale,
                              const float* min, LevelRange range, std::uint8_t* levels) {
    const FloatTag d;
    store_clamped<kSize>(static_cast<int>(count), range, levels, [&](int s, int i) HWY_ATTR {
        const Floats x = hn::Add(hn::LoadU(d, values + i), hn::Set(d, min[s]));
        return nearest_int(hn::Div(x, hn::Set(d, scale[s])));
    });
}

void relevel_lanes(const float* values, std::int64_t count, int size, const float* scale,
                   const float* min, LevelRange range, std::uint8_t* levels) {
    if (size == 16) return relevel_sized<16>(values, count, scale, min, range, levels);
    relevel_sized<32>(values, count, scale, min, range, levels);
}

template <int kSize>
HWY_INLINE void level_by_inverse_sized(const float* values, std::int64_t count,
                                       const float* inverse, const float* base, LevelRange range,
                                       std::uint8_t* levels) {
    const FloatTag d;
    store_clamped<kSize>(static_cast<int>(count), range, levels, [&](int s, int i) HWY_ATTR {
        const Floats x = hn::Sub(hn::LoadU(d, values + i), hn::Set(d, base[s]));
        return nearest_int(hn::Mul(hn::Set(d, inverse[s]), x));
    });
    for (std::int64_t s = 0; s < count; ++s) {
        if (inverse[s] == 0) std::fill_n(levels + s * kSize, kSize, std::uint8_t{0});
    }
}

void level_by_inverse_lanes(const float* values, std::int64_t count, int size, const float* inverse,
                            const float* base, LevelRange range, std::uint8_t* levels) {
    if (size == 16) {
        return level_by_inverse_sized<16>(values, count, inverse, base, range, levels);
    }
    level_by_inverse_sized<32>(values, count, inverse, base, range, levels);
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

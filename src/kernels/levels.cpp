// Levels of values and values of levels, a vector along the values of a sub-block at a time.
#include "kernels/levels.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/levels.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>
#include <type_traits>

#include "kernels/half-inl.h"
#include "kernels/lanes-inl.h"
#include "kernels/narrow-inl.h"
#include "kernels/stored_values-inl.h"

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

/// Stores the levels of `count` sub-blocks: level_of(s, x) of values x of sub-block s. Returns
/// whether all values in F16 are finite: levels are the last that is made of them.
template <int kSize, class T, class LevelOf>
HWY_INLINE bool level_values(const T* values, int count, LevelRange range, std::uint8_t* levels,
                             const LevelOf& level_of) {
    const FloatTag d;
    if constexpr (std::is_same_v<T, float>) {
        store_clamped<kSize>(count, range, levels, [&](int s, int i) HWY_ATTR {
            return level_of(s, hn::LoadU(d, values + i));
        });
        return true;
    } else {
        const hn::Rebind<std::uint16_t, FloatTag> d16;
        const auto magnitude = hn::Set(d16, std::uint16_t{0x7FFF});
        const auto infinity = hn::Set(d16, std::uint16_t{0x7C00});
        auto most = hn::Zero(d16);
        store_clamped<kSize>(count, range, levels, [&](int s, int i) HWY_ATTR {
            const auto half = hn::LoadU(d16, values + i);
            most = hn::Max(most, hn::And(half, magnitude));
            return level_of(s, f16_to_f32(d, half));
        });
        return hn::AllTrue(d16, hn::Lt(most, infinity));
    }
}
template <class LevelOf>
HWY_INLINE bool level_values(const StoredValues& values, std::int64_t count, int size,
                             LevelRange range, std::uint8_t* levels, const LevelOf& level_of) {
    bool all_finite = true;
    in_their_form(values, [&](const auto* at) HWY_ATTR {
        const auto used = static_cast<int>(count);
        all_finite = size == 16 ? level_values<16>(at, used, range, levels, level_of)
                                : level_values<32>(at, used, range, levels, level_of);
    });
    return all_finite;
}

bool relevel_lanes(const StoredValues& values, std::int64_t count, int size, const float* scale,
                   const float* min, LevelRange range, std::uint8_t* levels) {
    const FloatTag d;
    return level_values(values, count, size, range, levels, [&](int s, Floats x) HWY_ATTR {
        x = hn::Add(x, hn::Set(d, min[s]));
        return nearest_int(hn::Div(x, hn::Set(d, scale[s])));
    });
}

bool level_by_inverse_lanes(const StoredValues& values, std::int64_t count, int size,
                            const float* inverse, const float* base, LevelRange range,
                            std::uint8_t* levels) {
    const FloatTag d;
    const auto level_of = [&](int s, Floats x) HWY_ATTR {
        x = hn::Sub(x, hn::Set(d, base[s]));
        return nearest_int(hn::Mul(hn::Set(d, inverse[s]), x));
    };
    const bool all_finite = level_values(values, count, size, range, levels, level_of);
    for (std::int64_t s = 0; s < count; ++s) {
        if (inverse[s] == 0) std::fill_n(levels + s * size, size, std::uint8_t{0});
    }
    return all_finite;
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
bool relevel(const StoredValues& values, std::int64_t count, int size, const float* scale,
             const float* min, LevelRange range, std::uint8_t* levels) {
    return HWY_DYNAMIC_DISPATCH(relevel_lanes)(values, count, size, scale, min, range, levels);
}

HWY_EXPORT(level_by_inverse_lanes);
bool level_by_inverse(const StoredValues& values, std::int64_t count, int size,
                      const float* inverse, const float* base, LevelRange range,
                      std::uint8_t* levels) {
    return HWY_DYNAMIC_DISPATCH(level_by_inverse_lanes)(values, count, size, inverse, base, range,
                                                        levels);
}

HWY_EXPORT(expand_levels_lanes);
void expand_levels(const std::int8_t* levels, std::int64_t count, int size, const float* scale,
                   const float* min, float* values) {
    HWY_DYNAMIC_DISPATCH(expand_levels_lanes)(levels, count, size, scale, min, values);
}

}  // namespace quantize::kernels
#endif

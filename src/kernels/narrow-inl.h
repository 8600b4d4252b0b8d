// Floats to small integers: truncation, and levels of one byte each. Compiled once per target;
// include it from kernels only, after foreach_target.h.
//
// On x86 two of Highway's operations are bypassed: its conversion mends values out of range, which
// the callers here exclude or do not care about, and it narrows one vector at a time, each with its
// own move across halves. Together they would make up a third of the rounding kernels' work.
#if defined(QUANTIZE_KERNELS_NARROW_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_NARROW_INL_H_
#undef QUANTIZE_KERNELS_NARROW_INL_H_
#else
#define QUANTIZE_KERNELS_NARROW_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// Truncates to integers. Values out of range and NaN give some integer, which one depends on the
/// target.
HWY_INLINE Ints truncate(Floats v) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    return Ints{_mm512_cvttps_epi32(v.raw)};
#elif HWY_TARGET == HWY_AVX2
    return Ints{_mm256_cvttps_epi32(v.raw)};
#elif HWY_TARGET == HWY_SSE4
    return Ints{_mm_cvttps_epi32(v.raw)};
#elif HWY_TARGET == HWY_EMU128
    // Plain C++: converting a NaN would be undefined.
    return hn::ConvertTo(IntTag(), hn::IfThenZeroElse(hn::IsNaN(v), v));
#else
    return hn::ConvertTo(IntTag(), v);
#endif
}

/// To the nearest integer, halves away from zero, for magnitudes below 2^22: the largest float
/// below a half reaches the next integer only from a half on, because that sum rounds up.
HWY_INLINE Ints round_half_away(Floats v) {
    const FloatTag d;
    return truncate(hn::Add(v, hn::CopySignToAbs(hn::Set(d, 0x1.fffffep-2f), v)));
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSE4
/// Four vectors of integers to one of bytes, in order; what does not fit becomes the nearest that
/// does.
HWY_INLINE hn::Vec<hn::Repartition<std::int8_t, IntTag>> narrow(Ints v0, Ints v1, Ints v2,
                                                                Ints v3) {
    const hn::Repartition<std::int16_t, IntTag> d16;
    const auto low = hn::ReorderDemote2To(d16, v0, v1);
    const auto high = hn::ReorderDemote2To(d16, v2, v3);
    // Packing works within blocks of 128 bits: `order` brings the groups of four back in order.
#if HWY_TARGET <= HWY_AVX3
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return {_mm512_permutexvar_epi32(order, _mm512_packs_epi16(low.raw, high.raw))};
#elif HWY_TARGET == HWY_AVX2
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return {_mm256_permutevar8x32_epi32(_mm256_packs_epi16(low.raw, high.raw), order)};
#else
    return {_mm_packs_epi16(low.raw, high.raw)};
#endif
}
#endif

/// Stores `finish(d8, bytes)` of the levels that `level_at(i)` gives for i, i + 1, ... (a vector of
/// them), for all i below `count`, a multiple of 16. Levels beyond a byte become its nearest.
template <class LevelAt, class Finish>
HWY_INLINE void store_levels(int count, std::int8_t* HWY_RESTRICT out, const LevelAt& level_at,
                             const Finish& finish) {
    const int lanes = static_cast<int>(hn::Lanes(IntTag()));
    int i = 0;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_SSE4
    const hn::Repartition<std::int8_t, IntTag> d8;
    for (; i + 4 * lanes <= count; i += 4 * lanes) {
        const auto bytes = narrow(level_at(i), level_at(i + lanes), level_at(i + 2 * lanes),
                                  level_at(i + 3 * lanes));
        hn::StoreU(finish(d8, bytes), d8, out + i);
    }
#endif
    const hn::Rebind<std::int8_t, IntTag> d8_part;
    for (; i < count; i += lanes)
        hn::StoreU(finish(d8_part, hn::DemoteTo(d8_part, level_at(i))), d8_part, out + i);
}
template <class LevelAt>
HWY_INLINE void store_levels(int count, std::int8_t* HWY_RESTRICT out, const LevelAt& level_at) {
    store_levels(count, out, level_at, [](auto, auto bytes) HWY_ATTR { return bytes; });
}

/// The same for integers that fit in 16 bits.
template <class ShortAt>
HWY_INLINE void store_shorts(std::int64_t count, std::int16_t* HWY_RESTRICT out,
                             const ShortAt& short_at) {
    std::int64_t i = 0;
#if HWY_TARGET == HWY_AVX2
    const hn::Full256<std::int16_t> d16;
    for (; i + 16 <= count; i += 16) {
        const auto mixed = hn::ReorderDemote2To(d16, short_at(i), short_at(i + 8));
        const __m256i ordered = _mm256_permute4x64_epi64(mixed.raw, _MM_SHUFFLE(3, 1, 2, 0));
        hn::StoreU(hn::Vec256<std::int16_t>{ordered}, d16, out + i);
    }
#endif
    const hn::Rebind<std::int16_t, IntTag> d16_part;
    for (; i < count; i += static_cast<std::int64_t>(hn::Lanes(IntTag()))) {
        hn::StoreU(hn::DemoteTo(d16_part, short_at(i)), d16_part, out + i);
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

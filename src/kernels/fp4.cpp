// E2M1 kernels: lanes run across the values of a block, whose largest magnitude sets the scale.
//
// The reference takes, of the 16 points times the scale, the first with the smallest |error|. That
// is a count of thresholds: magnitudes beyond the midpoint of two neighbours belong to the upper
// one, a midpoint to the lower. The errors that decide are exact in binary32 (the points have three
// bits, and neither operand is more than twice the other or the point is zero), so no rounding can
// upset the count unless a value dwarfs the largest point; then the search is done in full.
#include "kernels/at_most_avx2.h"
//
#include "kernels/fp4.h"

#include <algorithm>
#include <cmath>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fp4.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"
#include "kernels/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

inline constexpr int fp4_group = 16;
inline constexpr int fp4_steps = 7;

/// Thresholds have at most eight significant bits, so the upper half of a float says it all: a
/// magnitude lies beyond one just when its upper half, rounded up, does. Twice as many lanes.
using ShortTag = hn::CappedTag<std::int16_t, 16>;
using Shorts = hn::Vec<ShortTag>;

struct Fp4Group {
    HWY_ALIGN float largest[fp4_group];
    HWY_ALIGN float scale[fp4_group];
    std::uint8_t scale_bytes[fp4_group];
    /// [k][b]: where the magnitudes of block b begin to belong to code k + 1.
    HWY_ALIGN std::int16_t thresholds[fp4_steps][fp4_group];
    /// Upper halves of the values, rounded up in magnitude.
    HWY_ALIGN std::int16_t keys[fp4_group * 32];
};

HWY_INLINE float largest_magnitude(const float* HWY_RESTRICT x, int elems) {
    const FloatTag d;
    Floats largest = hn::Zero(d);
    for (int i = 0; i < elems; i += static_cast<int>(hn::Lanes(d))) {
        largest = hn::Max(largest, hn::Abs(hn::LoadU(d, x + i)));
    }
    return hn::GetLane(hn::MaxOfLanes(d, largest));
}

/// A point that overflows is never nearest, and with a scale of zero nothing beats code 0: such
/// thresholds become infinite.
HWY_INLINE void set_thresholds(Fp4Group& group) {
    const FloatTag d;
    const IntTag di;
    const hn::Rebind<std::int16_t, FloatTag> d16;
    const Floats never = hn::Set(d, std::numeric_limits<float>::infinity());
    for (int b = 0; b < fp4_group; b += static_cast<int>(hn::Lanes(d))) {
        const Floats scale = hn::Load(d, group.scale + b);
        const Mask nonzero = hn::Gt(scale, hn::Zero(d));
        for (int k = 0; k < fp4_steps; ++k) {
            const float upper = e2m1_points[k + 1];
            const float half_gap = 0.5f * static_cast<float>(e2m1_points[k + 1] - e2m1_points[k]);
            const Floats point = hn::Mul(scale, hn::Set(d, upper));
            const Floats midpoint = hn::Sub(point, hn::Mul(scale, hn::Set(d, half_gap)));
            // The comparison is false for the NaN that is left of two infinities.
            const Mask usable = hn::And(nonzero, hn::Lt(midpoint, never));
            const Floats threshold = hn::IfThenElse(usable, midpoint, never);
            hn::StoreU(hn::DemoteTo(d16, hn::ShiftRight<16>(hn::BitCast(di, threshold))), d16,
                       group.thresholds[k] + b);
        }
    }
}

HWY_INLINE void set_keys(Fp4Group& group, const float* HWY_RESTRICT x, int elems) {
    const FloatTag d;
    const IntTag di;
    store_shorts(elems, group.keys, [&](std::int64_t i) HWY_ATTR {
        const Ints bits = hn::BitCast(di, hn::LoadU(d, x + i));
        return hn::ShiftRight<16>(hn::Add(bits, hn::Set(di, 0xFFFF)));
    });
}

HWY_INLINE void encode_block(const Fp4Group& group, int b, int elems,
                             std::int8_t* HWY_RESTRICT codes) {
    const ShortTag d;
    const hn::Rebind<std::int8_t, ShortTag> d8;
    const auto threshold = [&](int k) HWY_ATTR { return hn::Set(d, group.thresholds[k][b]); };
    const Shorts t0 = threshold(0);
    const Shorts t1 = threshold(1);
    const Shorts t2 = threshold(2);
    const Shorts t3 = threshold(3);
    const Shorts t4 = threshold(4);
    const Shorts t5 = threshold(5);
    const Shorts t6 = threshold(6);
    for (int i = 0; i < elems; i += static_cast<int>(hn::Lanes(d))) {
        const Shorts key = hn::LoadU(d, group.keys + b * elems + i);
        const Shorts magnitude = hn::And(key, hn::Set(d, std::int16_t{0x7FFF}));
        // Minus one for each threshold that the magnitude lies beyond.
        const auto beyond = [&](Shorts t)
                                HWY_ATTR { return hn::VecFromMask(d, hn::Gt(magnitude, t)); };
        const Shorts any = beyond(t0);
        const Shorts low = hn::Add(hn::Add(any, beyond(t1)), beyond(t2));
        const Shorts high =
            hn::Add(hn::Add(beyond(t3), beyond(t4)), hn::Add(beyond(t5), beyond(t6)));
        const Shorts code = hn::Neg(hn::Add(low, high));
        // Bit 3 is the sign, but zero has none.
        const Shorts negative = hn::And(hn::ShiftRight<15>(key), any);
        const Shorts sign = hn::And(negative, hn::Set(d, std::int16_t{8}));
        hn::StoreU(hn::DemoteTo(d8, hn::Or(code, sign)), d8, codes + i);
    }
}

/// The search as it is defined, for values that dwarf every point.
void encode_dwarfing(float scale, const float* x, int elems, std::int8_t* codes) {
    for (int i = 0; i < elems; ++i) {
        int best = 0;
        float best_error = std::fabs(e2m1_points[0] * scale - x[i]);
        for (int code = 1; code < 16; ++code) {
            const float error = std::fabs(e2m1_points[code] * scale - x[i]);
            if (error < best_error) {
                best = code;
                best_error = error;
            }
        }
        codes[i] = static_cast<std::int8_t>(best);
    }
}

/// Scale bytes of a group from its largest magnitudes: powers of two.
HWY_INLINE void set_mxfp4_scales(Fp4Group& group) {
    for (int b = 0; b < fp4_group; ++b) {
        group.scale_bytes[b] = e8m0_for(group.largest[b]);
        group.scale[b] = e8m0_half(group.scale_bytes[b]);
    }
}

/// The same for unsigned E4M3: the byte nearest to a sixth of the largest magnitude (halves up in
/// the mantissa), at most 448.
HWY_INLINE void set_nvfp4_scales(Fp4Group& group) {
    const FloatTag d;
    const IntTag di;
    const hn::Rebind<std::uint8_t, IntTag> d8;
    for (int b = 0; b < fp4_group; b += static_cast<int>(hn::Lanes(d))) {
        const Floats scale = hn::Div(hn::Load(d, group.largest + b), hn::Set(d, 6.0f));
        const Ints bits = hn::BitCast(di, scale);
        const Ints rounded = hn::ShiftRight<20>(hn::Add(bits, hn::Set(di, 1 << 19)));
        const Ints rebiased = hn::Sub(rounded, hn::Set(di, 120 << 3));
        const Ints normal =
            hn::IfThenElse(hn::Gt(rebiased, hn::Set(di, 0x77)), hn::Set(di, 0x7E), rebiased);
        const Mask is_subnormal = hn::Lt(scale, hn::Set(d, 0x1p-6f));
        const Floats units = hn::IfThenElseZero(is_subnormal, hn::Mul(scale, hn::Set(d, 512.0f)));
        const Ints subnormal = hn::Min(truncate(hn::Add(units, hn::Set(d, 0.5f))), hn::Set(di, 7));
        const Ints byte = hn::IfThenElse(hn::RebindMask(di, is_subnormal), subnormal, normal);
        hn::StoreU(hn::DemoteTo(d8, byte), d8, group.scale_bytes + b);
    }
    for (int b = 0; b < fp4_group; ++b)
        group.scale[b] = ue4m3_halves[group.scale_bytes[b]];
}

template <int kElems, class SetScales>
HWY_INLINE void encode_blocks(const float* HWY_RESTRICT values, std::int64_t blocks,
                              std::int8_t* HWY_RESTRICT codes, std::uint8_t* HWY_RESTRICT scales,
                              const SetScales& set_scales) {
    for (std::int64_t first = 0; first < blocks; first += fp4_group) {
        const int count = static_cast<int>(std::min<std::int64_t>(fp4_group, blocks - first));
        const float* x = values + first * kElems;
        Fp4Group group;
        std::fill_n(group.largest, fp4_group, 0.0f);
        for (int b = 0; b < count; ++b) {
            group.largest[b] = largest_magnitude(x + b * kElems, kElems);
        }
        set_scales(group);
        std::copy_n(group.scale_bytes, count, scales + first);
        set_thresholds(group);
        set_keys(group, x, count * kElems);
        for (int b = 0; b < count; ++b) {
            std::int8_t* const out = codes + (first + b) * kElems;
            if (group.scale[b] > 0 && group.largest[b] > 24.0f * group.scale[b]) {
                encode_dwarfing(group.scale[b], x + b * kElems, kElems, out);
            } else {
                encode_block(group, b, kElems, out);
            }
        }
    }
}

void mxfp4_blocks(const float* values, std::int64_t blocks, std::int8_t* codes,
                  std::uint8_t* scales) {
    encode_blocks<32>(values, blocks, codes, scales,
                      [](Fp4Group& group) HWY_ATTR { set_mxfp4_scales(group); });
}

void nvfp4_sub_blocks(const float* values, std::int64_t sub_blocks, std::int8_t* codes,
                      std::uint8_t* scales) {
    encode_blocks<16>(values, sub_blocks, codes, scales,
                      [](Fp4Group& group) HWY_ATTR { set_nvfp4_scales(group); });
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {
HWY_EXPORT(mxfp4_blocks);
HWY_EXPORT(nvfp4_sub_blocks);

void encode_mxfp4(const float* values, std::int64_t blocks, std::int8_t* codes,
                  std::uint8_t* scales) {
    HWY_DYNAMIC_DISPATCH(mxfp4_blocks)(values, blocks, codes, scales);
}

void encode_nvfp4(const float* values, std::int64_t sub_blocks, std::int8_t* codes,
                  std::uint8_t* scales) {
    HWY_DYNAMIC_DISPATCH(nvfp4_sub_blocks)(values, sub_blocks, codes, scales);
}

}  // namespace quantize::kernels
#endif  // HWY_ONCE

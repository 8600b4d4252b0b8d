// E2M1 kernels: lanes run across the values of a block, whose largest magnitude sets the scale.
//
// The reference takes, of the 16 points times the scale, the first with the smallest |error|. That
// is a count of thresholds: magnitudes beyond the midpoint of two neighbours belong to the upper
// one, a midpoint to the lower. The errors that decide are exact in binary32 (the points have three
// bits, and neither operand is more than twice the other or the point is zero), so no rounding can
// upset the count unless a value dwarfs the largest point; then the search is done in full.
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
    HWY_ALIGN float largest[fp4_group] = {};
    HWY_ALIGN float scale[fp4_group] = {};
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
    store_shorts(elems, group.keys, [&](int i) HWY_ATTR {
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

/// `scale_for(largest)` gives a block's scale byte, `value_of(byte)` what it stands for.
template <int kElems, class ScaleFor, class ValueOf>
HWY_INLINE void encode_blocks(const float* HWY_RESTRICT values, std::int64_t blocks,
                              std::int8_t* HWY_RESTRICT codes, std::uint8_t* HWY_RESTRICT scales,
                              const ScaleFor& scale_for, const ValueOf& value_of) {
    for (std::int64_t first = 0; first < blocks; first += fp4_group) {
        const int count = static_cast<int>(std::min<std::int64_t>(fp4_group, blocks - first));
        const float* x = values + first * kElems;
        Fp4Group group;
        for (int b = 0; b < count; ++b)
            group.largest[b] = largest_magnitude(x + b * kElems, kElems);
        for (int b = 0; b < count; ++b) {
            scales[first + b] = scale_for(group.largest[b]);
            group.scale[b] = value_of(scales[first + b]);
        }
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

/// The unsigned E4M3 byte nearest to `scale` (halves up in the mantissa), at most 448.
HWY_INLINE std::uint8_t ue4m3_for(float scale) {
    if (!(scale > 0)) return 0;
    if (scale < 0x1p-6f) {
        return static_cast<std::uint8_t>(std::min(static_cast<int>(scale * 512.0f + 0.5f), 7));
    }
    const std::uint32_t rounded = ((std::bit_cast<std::uint32_t>(scale) + (1u << 19)) >> 20) - 960u;
    return static_cast<std::uint8_t>(rounded >= 0x78u ? 0x7Eu : rounded);
}

void mxfp4_blocks(const float* values, std::int64_t blocks, std::int8_t* codes,
                  std::uint8_t* scales) {
    encode_blocks<32>(
        values, blocks, codes, scales, [](float largest) HWY_ATTR { return e8m0_for(largest); },
        [](std::uint8_t exponent) HWY_ATTR { return e8m0_half(exponent); });
}

void nvfp4_sub_blocks(const float* values, std::int64_t sub_blocks, std::int8_t* codes,
                      std::uint8_t* scales) {
    encode_blocks<16>(
        values, sub_blocks, codes, scales,
        [](float largest) HWY_ATTR { return ue4m3_for(largest / 6.0f); },
        [](std::uint8_t scale) HWY_ATTR { return ue4m3_halves[scale]; });
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

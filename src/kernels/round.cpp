// Rounding kernels. Lanes run across the values of a block, which is right because every step that
// crosses them is free of order (largest, smallest); only the sum of round_to_sign is not, and
// there one lane is one block.
//
// Blocks go in groups: first the extremes of each, then the scales of all in vectors (divisions
// and conversions to F16 would otherwise be one long chain per block), then the levels of each.
#include "kernels/at_most_avx2.h"
//
#include "kernels/round.h"

#include <algorithm>
#include <limits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/round.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/half-inl.h"
#include "kernels/lanes-inl.h"
#include "kernels/narrow-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

inline constexpr int group_blocks = 16;
inline constexpr float infinity = std::numeric_limits<float>::infinity();

/// What one group of blocks passes from step to step; one entry per block.
struct Group {
    HWY_ALIGN float extreme[group_blocks] = {};  ///< largest value, or largest magnitude
    HWY_ALIGN float lowest[group_blocks] = {};
    HWY_ALIGN float inverse[group_blocks];
    HWY_ALIGN float bias[group_blocks];
};

/// Calls `body(first block, blocks in the group)` for all groups.
template <class Body>
HWY_INLINE void for_each_group(std::int64_t blocks, const Body& body) {
    for (std::int64_t first = 0; first < blocks; first += group_blocks) {
        body(first, static_cast<int>(std::min<std::int64_t>(group_blocks, blocks - first)));
    }
}

/// Writes the first `count` halves of `group_blocks`, computed by `scale_at(lane offset)`.
template <class ScaleAt>
HWY_INLINE void store_scales(int count, std::uint16_t* out, const ScaleAt& scale_at) {
    const FloatTag d;
    const hn::Rebind<std::uint16_t, FloatTag> d16;
    HWY_ALIGN std::uint16_t halves[group_blocks];
    for (int i = 0; i < group_blocks; i += static_cast<int>(hn::Lanes(d))) {
        hn::StoreU(f32_to_f16(d, scale_at(i)), d16, halves + i);
    }
    std::copy_n(halves, count, out);
}

/// 1 / scale, and 0 for a scale of zero.
HWY_INLINE Floats invert(Floats scale) {
    const FloatTag d;
    const Floats inverse = hn::Div(hn::Set(d, 1.0f), scale);
    return hn::IfThenZeroElse(hn::Eq(scale, hn::Zero(d)), inverse);
}

HWY_INLINE Mask is_infinite(Floats v) {
    return hn::Eq(hn::Abs(v), hn::Set(FloatTag(), infinity));
}

template <class Combine>
HWY_INLINE Floats fold_block(const float* HWY_RESTRICT x, int elems, Floats start,
                             const Combine& combine) {
    const FloatTag d;
    const int lanes = static_cast<int>(hn::Lanes(d));
    Floats even = start;
    Floats odd = start;
    for (int i = 0; i < elems; i += 2 * lanes) {
        even = combine(even, hn::LoadU(d, x + i));
        odd = combine(odd, hn::LoadU(d, x + i + lanes));
    }
    return combine(even, odd);
}

HWY_INLINE Floats largest_magnitudes(const float* HWY_RESTRICT x, int elems) {
    const FloatTag d;
    return fold_block(x, elems, hn::Zero(d),
                      [](Floats a, Floats b) HWY_ATTR { return hn::Max(a, hn::Abs(b)); });
}

/// Blocks of values in binary32, as abs_max_blocks() takes them.
struct FloatBlocks {
    const float* values;

    FloatBlocks from(std::int64_t elem) const { return {values + elem}; }
    HWY_INLINE Floats load(int i) const { return hn::LoadU(FloatTag(), values + i); }
    template <int kElems>
    HWY_INLINE void find_largest(int count, float* largest) const {
        const FloatTag d;
        for (int b = 0; b < count; ++b) {
            const Floats magnitudes = largest_magnitudes(values + b * kElems, kElems);
            largest[b] = hn::GetLane(hn::MaxOfLanes(d, magnitudes));
        }
    }
};

/// For words of type T, of which a and b hold the candidates of one block or several in turns: the
/// larger ones of both, in turns.
template <class T>
HWY_INLINE Halves merge_largest(Halves a, Halves b) {
    const HalfTag d;
    const hn::Repartition<T, HalfTag> words;
    const auto low = hn::InterleaveLower(words, hn::BitCast(words, a), hn::BitCast(words, b));
    const auto high = hn::InterleaveUpper(words, hn::BitCast(words, a), hn::BitCast(words, b));
    return hn::Max(hn::BitCast(d, low), hn::BitCast(d, high));
}

/// The same in F16. Magnitudes of halves order as the integers that their bits are.
struct HalfBlocks {
    const std::uint16_t* values;

    HalfBlocks from(std::int64_t elem) const { return {values + elem}; }
    HWY_INLINE Floats load(int i) const {
        const FloatTag d;
        return f16_to_f32(d, hn::LoadU(hn::Rebind<std::uint16_t, FloatTag>(), values + i));
    }
    template <int kElems>
    HWY_INLINE void find_largest(int count, float* largest) const {
        const FloatTag d;
        const hn::Rebind<std::uint16_t, FloatTag> d16;
        const std::uint16_t* group = values;
        std::uint16_t padded[group_blocks * kElems];
        if (HWY_UNLIKELY(count < group_blocks)) {
            std::fill(std::copy_n(values, count * kElems, padded), std::end(padded), 0);
            group = padded;
        }
        HWY_ALIGN std::uint16_t halves[group_blocks];
        for (int b = 0; b < group_blocks; b += 8)
            store_largest<kElems>(group + b * kElems, halves + b);
        for (int b = 0; b < group_blocks; b += static_cast<int>(hn::Lanes(d)))
            hn::Store(f16_to_f32(d, hn::LoadU(d16, halves + b)), d, largest + b);
    }

 private:
    /// The largest magnitudes of one, two or four blocks, in turns.
    template <int kElems>
    static HWY_INLINE Halves fold(const std::uint16_t* block) {
        const HalfTag d;
        Halves most = hn::Zero(d);
        for (int i = 0; i < kElems; i += static_cast<int>(hn::Lanes(d))) {
            const Halves half = hn::LoadU(d, block + i);
            most = hn::Max(most, hn::And(half, hn::Set(d, std::uint16_t{0x7FFF})));
        }
        return most;
    }
    template <int kElems>
    static HWY_INLINE Halves fold_two(const std::uint16_t* blocks) {
        return merge_largest<std::uint16_t>(fold<kElems>(blocks), fold<kElems>(blocks + kElems));
    }
    template <int kElems>
    static HWY_INLINE Halves fold_four(const std::uint16_t* blocks) {
        return merge_largest<std::uint32_t>(fold_two<kElems>(blocks),
                                            fold_two<kElems>(blocks + 2 * kElems));
    }
    /// The largest magnitude of each of eight blocks.
    template <int kElems>
    static HWY_INLINE void store_largest(const std::uint16_t* blocks, std::uint16_t* out) {
        const hn::FixedTag<std::uint16_t, 8> d8;
        const Halves eight = merge_largest<std::uint64_t>(fold_four<kElems>(blocks),
                                                          fold_four<kElems>(blocks + 4 * kElems));
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
        hn::Store(hn::Max(hn::LowerHalf(d8, eight), hn::UpperHalf(d8, eight)), d8, out);
#else
        hn::Store(eight, d8, out);
#endif
    }
};

/// Without `kOffset`, levels count from zero. Returns whether all scales are numbers.
template <int kElems, bool kOffset, class Blocks>
HWY_INLINE bool abs_max_blocks(const AbsMaxSpec& spec, const Blocks& all, std::int64_t blocks,
                               std::int8_t* HWY_RESTRICT levels,
                               std::uint16_t* HWY_RESTRICT scales) {
    const FloatTag d;
    const IntTag di;
    Ints most = hn::Zero(di);
    for_each_group(blocks, [&](std::int64_t first, int count) HWY_ATTR {
        Group group;
        const Blocks x = all.from(first * kElems);
        x.template find_largest<kElems>(count, group.extreme);
        store_scales(count, scales + first, [&](int i) HWY_ATTR {
            const Floats largest = hn::Load(d, group.extreme + i);
            // As integers, of which the bits of a NaN are the largest.
            most = hn::Max(most, hn::BitCast(di, largest));
            const Floats scale = hn::Div(largest, hn::Set(d, static_cast<float>(spec.divisor)));
            const Floats inverse = invert(scale);
            const Mask overflows = is_infinite(inverse);
            hn::Store(hn::IfThenZeroElse(overflows, inverse), d, group.inverse + i);
            if constexpr (kOffset) {
                const Floats level = hn::Set(d, static_cast<float>(spec.overflow_level));
                const Floats offset = hn::Set(d, static_cast<float>(spec.offset));
                hn::Store(hn::IfThenElse(overflows, level, offset), d, group.bias + i);
            }
            return scale;
        });
        for (int b = 0; b < count; ++b) {
            const Floats inverse = hn::Set(d, group.inverse[b]);
            const Blocks block = x.from(b * kElems);
            const auto level = [&](int i) HWY_ATTR {
                return round_half_away(hn::Mul(block.load(i), inverse));
            };
            std::int8_t* const out = levels + (first + b) * kElems;
            if constexpr (kOffset) {
                const auto offset = static_cast<std::int8_t>(group.bias[b]);
                store_levels(kElems, out, level, [&](auto d8, auto bytes) HWY_ATTR {
                    return hn::Add(bytes, hn::Set(d8, offset));
                });
            } else {
                store_levels(kElems, out, level);
            }
        }
    });
    return hn::AllTrue(di, hn::Lt(most, hn::BitCast(di, hn::Set(d, infinity))));
}

void abs_max(const AbsMaxSpec& spec, const float* values, std::int64_t blocks, std::int8_t* levels,
             std::uint16_t* scales) {
    const FloatBlocks all{values};
    switch (spec.block_elems) {
        case 32:
            if (spec.offset == 0 && spec.overflow_level == 0) {
                abs_max_blocks<32, false>(spec, all, blocks, levels, scales);
            } else {
                abs_max_blocks<32, true>(spec, all, blocks, levels, scales);
            }
            break;
        case 64:
            abs_max_blocks<64, true>(spec, all, blocks, levels, scales);
            break;
        default:
            abs_max_blocks<256, true>(spec, all, blocks, levels, scales);
    }
}

bool half_abs_max(int divisor, const std::byte* halves, std::int64_t blocks, std::int8_t* levels,
                  std::uint16_t* scales) {
    const HalfBlocks all{reinterpret_cast<const std::uint16_t*>(halves)};
    return abs_max_blocks<32, false>({32, divisor, 0, 0}, all, blocks, levels, scales);
}

/// The first value of a block of 32 whose magnitude is the largest; +0 when all are zero.
HWY_INLINE float signed_extreme(const float* HWY_RESTRICT x) {
    const FloatTag d;
    const auto larger = [](Floats a, Floats b) HWY_ATTR { return hn::Max(a, b); };
    const auto smaller = [](Floats a, Floats b) HWY_ATTR { return hn::Min(a, b); };
    const Floats high = fold_block(x, 32, hn::Zero(d), larger);
    const Floats low = hn::Neg(fold_block(x, 32, hn::Zero(d), smaller));
    const Floats magnitude = hn::MaxOfLanes(d, hn::Max(high, low));
    const float size = hn::GetLane(magnitude);
    const bool positive = !hn::AllFalse(d, hn::Eq(high, magnitude));
    const bool negative = !hn::AllFalse(d, hn::Eq(low, magnitude));
    if (HWY_UNLIKELY(positive & negative & (size > 0))) {
        for (int i = 0; i < 31; ++i) {
            if (x[i] == size || x[i] == -size) return x[i];
        }
        return x[31];
    }
    // Signs cannot be guessed: a table, no branch. Adding zero takes the sign off a zero.
    static constexpr float signs[2] = {1.0f, -1.0f};
    return (size + 0.0f) * signs[negative & !positive];
}

template <int kBits>
HWY_INLINE void signed_max_blocks(const float* HWY_RESTRICT values, std::int64_t blocks,
                                  std::int8_t* HWY_RESTRICT levels,
                                  std::uint16_t* HWY_RESTRICT scales) {
    constexpr int middle = 1 << (kBits - 1);
    const FloatTag d;
    for_each_group(blocks, [&](std::int64_t first, int count) HWY_ATTR {
        Group group;
        const float* x = values + first * 32;
        for (int b = 0; b < count; ++b)
            group.extreme[b] = signed_extreme(x + b * 32);
        store_scales(count, scales + first, [&](int i) HWY_ATTR {
            const Floats scale =
                hn::Div(hn::Load(d, group.extreme + i), hn::Set(d, static_cast<float>(-middle)));
            const Floats inverse = invert(scale);
            // An infinite inverse makes every product infinite or NaN, which converts to level 0.
            const Mask overflows = is_infinite(inverse);
            hn::Store(hn::IfThenZeroElse(overflows, inverse), d, group.inverse + i);
            hn::Store(hn::IfThenZeroElse(overflows, hn::Set(d, middle + 0.5f)), d, group.bias + i);
            return scale;
        });
        const Ints highest = hn::Set(IntTag(), (1 << kBits) - 1);
        for (int b = 0; b < count; ++b) {
            const Floats inverse = hn::Set(d, group.inverse[b]);
            const Floats bias = hn::Set(d, group.bias[b]);
            const float* const block = x + b * 32;
            store_levels(32, levels + (first + b) * 32, [&](int i) HWY_ATTR {
                const Floats scaled = hn::Mul(hn::LoadU(d, block + i), inverse);
                return hn::Min(truncate(hn::Add(scaled, bias)), highest);
            });
        }
    });
}

void signed_max(int bits, const float* values, std::int64_t blocks, std::int8_t* levels,
                std::uint16_t* scales) {
    if (bits == 4) return signed_max_blocks<4>(values, blocks, levels, scales);
    signed_max_blocks<5>(values, blocks, levels, scales);
}

/// Smallest value of a block of 32; of zeros with both signs the first, as it is stored.
HWY_INLINE float lowest_value(const float* HWY_RESTRICT x, float lowest) {
    if (lowest != 0) return lowest;
    for (int i = 0; i < 32; ++i) {
        if (x[i] == 0) return x[i];
    }
    return lowest;
}

template <int kBits>
HWY_INLINE void range_blocks(const float* HWY_RESTRICT values, std::int64_t blocks,
                             std::int8_t* HWY_RESTRICT levels, std::uint16_t* HWY_RESTRICT scales,
                             std::uint16_t* HWY_RESTRICT mins) {
    constexpr int top = (1 << kBits) - 1;
    const FloatTag d;
    const auto larger = [](Floats a, Floats b) HWY_ATTR { return hn::Max(a, b); };
    const auto smaller = [](Floats a, Floats b) HWY_ATTR { return hn::Min(a, b); };
    for_each_group(blocks, [&](std::int64_t first, int count) HWY_ATTR {
        Group group;
        const float* x = values + first * 32;
        for (int b = 0; b < count; ++b) {
            const float* const block = x + b * 32;
            const Floats start = hn::LoadU(d, block);
            const Floats high = hn::MaxOfLanes(d, fold_block(block, 32, start, larger));
            const Floats low = hn::MinOfLanes(d, fold_block(block, 32, start, smaller));
            group.extreme[b] = hn::GetLane(high);
            group.lowest[b] = lowest_value(block, hn::GetLane(low));
        }
        store_scales(count, mins + first,
                     [&](int i) HWY_ATTR { return hn::Load(d, group.lowest + i); });
        store_scales(count, scales + first, [&](int i) HWY_ATTR {
            const Floats low = hn::Load(d, group.lowest + i);
            // Adding zero takes the sign off: in a block of zeros the reference takes the same one
            // for both ends, while the highest here may be one of the other sign.
            const Floats range = hn::Add(hn::Sub(hn::Load(d, group.extreme + i), low), hn::Zero(d));
            const Floats scale = hn::Div(range, hn::Set(d, static_cast<float>(top)));
            const Floats inverse = invert(scale);
            // Where the range or the inverse overflows, the reference converts infinities and NaN
            // to level 0; so does a zero for both.
            const Mask overflows = hn::Or(is_infinite(inverse), is_infinite(range));
            hn::Store(hn::IfThenZeroElse(overflows, inverse), d, group.inverse + i);
            hn::Store(hn::IfThenZeroElse(overflows, low), d, group.lowest + i);
            return scale;
        });
        const Floats half = hn::Set(d, 0.5f);
        const Ints highest = hn::Set(IntTag(), top);
        for (int b = 0; b < count; ++b) {
            const Floats inverse = hn::Set(d, group.inverse[b]);
            const Floats low = hn::Set(d, group.lowest[b]);
            const float* const block = x + b * 32;
            store_levels(32, levels + (first + b) * 32, [&](int i) HWY_ATTR {
                const Floats above = hn::Sub(hn::LoadU(d, block + i), low);
                return hn::Min(truncate(hn::Add(hn::Mul(above, inverse), half)), highest);
            });
        }
    });
}

void range(int bits, const float* values, std::int64_t blocks, std::int8_t* levels,
           std::uint16_t* scales, std::uint16_t* mins) {
    if (bits == 4) return range_blocks<4>(values, blocks, levels, scales, mins);
    range_blocks<5>(values, blocks, levels, scales, mins);
}

/// Sums of |x| of up to `group_blocks` blocks of 128, each added in order: one lane per block.
HWY_INLINE void sum_magnitudes(const float* HWY_RESTRICT x, int count, float* HWY_RESTRICT sums) {
    constexpr int elems = 128;
    constexpr int step = 32;
    const FloatTag d;
    HWY_ALIGN float tile[step * group_blocks];
    const float* rows[group_blocks];
    std::fill_n(sums, group_blocks, 0.0f);
    for (int at = 0; at < elems; at += step) {
        for (int b = 0; b < group_blocks; ++b)
            rows[b] = x + std::min(b, count - 1) * elems + at;
        transpose_to_tile(rows, group_blocks, step, tile);
        for (int c = 0; c < group_blocks; c += static_cast<int>(hn::Lanes(d))) {
            Floats sum = hn::Load(d, sums + c);
            for (int i = 0; i < step; ++i) {
                sum = hn::Add(sum, hn::Abs(hn::Load(d, tile + i * group_blocks + c)));
            }
            hn::Store(sum, d, sums + c);
        }
    }
}

void to_sign(const float* HWY_RESTRICT values, std::int64_t blocks,
             std::int8_t* HWY_RESTRICT levels, std::uint16_t* HWY_RESTRICT scales) {
    const FloatTag d;
    for_each_group(blocks, [&](std::int64_t first, int count) HWY_ATTR {
        HWY_ALIGN float sums[group_blocks];
        const float* x = values + first * 128;
        sum_magnitudes(x, count, sums);
        store_scales(count, scales + first, [&](int i) HWY_ATTR {
            return hn::Div(hn::Load(d, sums + i), hn::Set(d, 128.0f));
        });
        const Ints one = hn::Set(IntTag(), 1);
        store_levels(count * 128, levels + first * 128, [&](int i) HWY_ATTR {
            const Mask positive = hn::Ge(hn::LoadU(d, x + i), hn::Zero(d));
            return hn::IfThenElseZero(hn::RebindMask(IntTag(), positive), one);
        });
    });
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(abs_max);
HWY_EXPORT(half_abs_max);
HWY_EXPORT(signed_max);
HWY_EXPORT(range);
HWY_EXPORT(to_sign);

void round_by_abs_max(const AbsMaxSpec& spec, const float* values, std::int64_t blocks,
                      std::int8_t* levels, std::uint16_t* scales) {
    HWY_DYNAMIC_DISPATCH(abs_max)(spec, values, blocks, levels, scales);
}

bool round_halves_by_abs_max(int divisor, const std::byte* halves, std::int64_t blocks,
                             std::int8_t* levels, std::uint16_t* scales) {
    return HWY_DYNAMIC_DISPATCH(half_abs_max)(divisor, halves, blocks, levels, scales);
}

void round_by_signed_max(int bits, const float* values, std::int64_t blocks, std::int8_t* levels,
                         std::uint16_t* scales) {
    HWY_DYNAMIC_DISPATCH(signed_max)(bits, values, blocks, levels, scales);
}

void round_by_range(int bits, const float* values, std::int64_t blocks, std::int8_t* levels,
                    std::uint16_t* scales, std::uint16_t* mins) {
    HWY_DYNAMIC_DISPATCH(range)(bits, values, blocks, levels, scales, mins);
}

void round_to_sign(const float* values, std::int64_t blocks, std::int8_t* levels,
                   std::uint16_t* scales) {
    HWY_DYNAMIC_DISPATCH(to_sign)(values, blocks, levels, scales);
}

}  // namespace quantize::kernels
#endif  // HWY_ONCE

// Row kernels: memory-bound loops over values, one lane each.
#include "kernels/at_most_avx2.h"
//
#include "kernels/rows.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/rows.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/half-inl.h"
#include "kernels/lanes-inl.h"
#include "kernels/narrow-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::ScalableTag<float>;
using U16 = hn::Rebind<std::uint16_t, F32>;

/// Runs `convert` over whole vectors, and over a padded copy of what remains at the end. `out` may
/// be `in` where both have words of one size.
template <class DFrom, class DTo, class Convert>
HWY_INLINE void convert_row(DFrom from, DTo to, const hn::TFromD<DFrom>* in, std::int64_t n,
                            hn::TFromD<DTo>* out, const Convert& convert) {
    const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(from));
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes)
        hn::StoreU(convert(hn::LoadU(from, in + i)), to, out + i);
    if (i == n) return;
    const std::size_t rest = static_cast<std::size_t>(n - i);
    HWY_ALIGN hn::TFromD<DFrom> in_tail[hn::MaxLanes(DFrom())] = {};
    HWY_ALIGN hn::TFromD<DTo> out_tail[hn::MaxLanes(DTo())];
    std::memcpy(in_tail, in + i, rest * sizeof(in_tail[0]));
    hn::StoreU(convert(hn::LoadU(from, in_tail)), to, out_tail);
    std::memcpy(out + i, out_tail, rest * sizeof(out_tail[0]));
}

const std::uint16_t* as_u16(const std::byte* bytes) {
    return reinterpret_cast<const std::uint16_t*>(bytes);
}
std::uint16_t* as_u16(std::byte* bytes) {
    return reinterpret_cast<std::uint16_t*>(bytes);
}

void row_f16_to_f32(const std::byte* halves, std::int64_t n, float* values) {
    convert_row(U16(), F32(), as_u16(halves), n, values,
                [](auto v) HWY_ATTR { return f16_to_f32(F32(), v); });
}

void row_f32_to_f16(const float* values, std::int64_t n, std::byte* halves) {
    convert_row(F32(), U16(), values, n, as_u16(halves),
                [](auto v) HWY_ATTR { return f32_to_f16(F32(), v); });
}

void row_bf16_to_f32(const std::byte* brains, std::int64_t n, float* values) {
    convert_row(U16(), F32(), as_u16(brains), n, values,
                [](auto v) HWY_ATTR { return bf16_to_f32(F32(), v); });
}

void row_f32_to_bf16(const float* values, std::int64_t n, std::byte* brains) {
    // In bulk the upper halves are narrowed as signed numbers, which takes fewer instructions.
    const FloatTag d;
    const IntTag di;
    const std::int64_t bulk = n / 16 * 16;
    store_shorts(bulk, reinterpret_cast<std::int16_t*>(brains), [&](std::int64_t i) HWY_ATTR {
        const Floats value = hn::LoadU(d, values + i);
        const Ints bits = hn::BitCast(di, value);
        const Ints upper = hn::ShiftRight<16>(bits);
        const Ints odd = hn::And(upper, hn::Set(di, 1));
        const Ints rounded = hn::ShiftRight<16>(hn::Add(bits, hn::Add(odd, hn::Set(di, 0x7FFF))));
        const Ints quiet = hn::Or(upper, hn::Set(di, 0x40));
        return hn::IfThenElse(hn::RebindMask(di, hn::IsNaN(value)), quiet, rounded);
    });
    convert_row(F32(), U16(), values + bulk, n - bulk, as_u16(brains) + bulk,
                [](auto v) HWY_ATTR { return f32_to_bf16(F32(), v); });
}

/// Index of the first word whose exponent field `mask` is all ones.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE std::int64_t find_full_exponent(D d, const T* HWY_RESTRICT words, std::int64_t n,
                                           T exponent) {
    const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto mask = hn::Set(d, exponent);
    const auto full = [&](const T* at)
                          HWY_ATTR { return hn::Eq(hn::And(hn::LoadU(d, at), mask), mask); };
    std::int64_t i = 0;
    for (; i + 4 * lanes <= n; i += 4 * lanes) {
        const auto any = hn::Or(hn::Or(full(words + i), full(words + i + lanes)),
                                hn::Or(full(words + i + 2 * lanes), full(words + i + 3 * lanes)));
        if (!hn::AllFalse(d, any)) break;
    }
    for (; i + lanes <= n; i += lanes) {
        const std::intptr_t at = hn::FindFirstTrue(d, full(words + i));
        if (at >= 0) return i + at;
    }
    for (; i < n; ++i) {
        T word;
        std::memcpy(&word, words + i, sizeof(T));
        if ((word & exponent) == exponent) return i;
    }
    return -1;
}

std::int64_t row_f16_to_f32_checked(const std::byte* halves, std::int64_t n, float* values) {
    const F32 d;
    const U16 part;
    const hn::Repartition<std::uint16_t, F32> whole;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(whole));
    const auto part_lanes = static_cast<std::int64_t>(hn::Lanes(part));
    const std::uint16_t* const in = as_u16(halves);
    const auto magnitude = hn::Set(whole, std::uint16_t{0x7FFF});
    auto most = hn::Zero(whole);
    std::int64_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        most = hn::Max(most, hn::And(hn::LoadU(whole, in + i), magnitude));
        for (std::int64_t at = i; at < i + lanes; at += part_lanes)
            hn::StoreU(f16_to_f32(d, hn::LoadU(part, in + at)), d, values + at);
    }
    row_f16_to_f32(halves + 2 * i, n - i, values + i);
    const auto infinity = hn::Set(whole, std::uint16_t{0x7C00});
    if (HWY_LIKELY(hn::AllTrue(whole, hn::Lt(most, infinity)))) {
        const std::int64_t at = find_full_exponent(whole, in + i, n - i, std::uint16_t{0x7C00});
        return at < 0 ? at : i + at;
    }
    return find_full_exponent(whole, in, n, std::uint16_t{0x7C00});
}

/// By way of binary32.
HWY_INLINE hn::Vec<U16> widen_and_round(hn::Vec<U16> halves) {
    return f32_to_bf16(F32(), f16_to_f32(F32(), halves));
}

/// A normal F16 as BF16: it keeps its sign, gets its exponent's bias changed and the last three
/// bits of its mantissa rounded off, all in 16 bits. `normal` becomes the lanes in which that is
/// right.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V round_normal(D d, V half, hn::Mask<D>& normal) {
    const auto set = [&](int word) HWY_ATTR { return hn::Set(d, static_cast<std::int16_t>(word)); };
    // Wraps around so that magnitudes from 0x0400 to 0x7BFF come first.
    const V order = hn::Add(hn::And(half, set(0x7FFF)), set(0x7C00));
    normal = hn::Lt(order, set(0x7C00 + 0x7C00));
    const V odd = hn::And(hn::ShiftRight<3>(half), set(1));
    const V rounded = hn::ShiftRight<3>(hn::Add(hn::Add(half, set(3)), odd));
    // The shift has filled the four upper bits with the sign.
    return hn::Add(hn::And(rounded, set(0x8FFF)), set(112 << 7));
}

std::int64_t row_f16_to_bf16(const std::byte* halves, std::int64_t n, std::byte* brains) {
    const hn::ScalableTag<std::int16_t> d;
    const hn::RebindToUnsigned<decltype(d)> du;
    const U16 part;
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto part_lanes = static_cast<std::int64_t>(hn::Lanes(part));
    const std::uint16_t* const in = as_u16(halves);
    std::uint16_t* const out = as_u16(brains);
    const auto load = [&](std::int64_t i)
                          HWY_ATTR { return hn::BitCast(d, hn::LoadU(du, in + i)); };
    std::int64_t bad = -1;
    const auto look_for_bad = [&](std::int64_t from, std::int64_t count) HWY_ATTR {
        if (bad >= 0) return;
        const std::int64_t at = find_full_exponent(du, in + from, count, std::uint16_t{0x7C00});
        if (at >= 0) bad = from + at;
    };
    std::int64_t i = 0;
    for (; i + 2 * lanes <= n; i += 2 * lanes) {
        hn::Mask<decltype(d)> normal0, normal1;
        const auto brain0 = round_normal(d, load(i), normal0);
        const auto brain1 = round_normal(d, load(i + lanes), normal1);
        if (HWY_UNLIKELY(!hn::AllTrue(d, hn::And(normal0, normal1)))) {
            look_for_bad(i, 2 * lanes);
            for (std::int64_t at = i; at < i + 2 * lanes; at += part_lanes)
                hn::StoreU(widen_and_round(hn::LoadU(part, in + at)), part, out + at);
            continue;
        }
        hn::StoreU(hn::BitCast(du, brain0), du, out + i);
        hn::StoreU(hn::BitCast(du, brain1), du, out + i + lanes);
    }
    look_for_bad(i, n - i);
    convert_row(part, part, in + i, n - i, out + i,
                [](auto v) HWY_ATTR { return widen_and_round(v); });
    return bad;
}

std::int64_t first_full_exponent_32(const std::byte* words, std::int64_t n) {
    return find_full_exponent(hn::ScalableTag<std::uint32_t>(),
                              reinterpret_cast<const std::uint32_t*>(words), n,
                              std::uint32_t{0x7F800000});
}

std::int64_t first_full_exponent_16(const std::byte* words, std::int64_t n,
                                    std::uint16_t exponent) {
    return find_full_exponent(hn::ScalableTag<std::uint16_t>(), as_u16(words), n, exponent);
}

/// Eight running sums whatever the vector width, so that every target adds in one order: value i
/// goes to sum i modulo 8.
struct RunningSums {
    static constexpr std::int64_t ways = 8;
    HWY_ALIGN double squared_error[ways] = {};
    HWY_ALIGN double squared_value[ways] = {};
    HWY_ALIGN double max_abs_error[ways] = {};
};

/// Adds `kRounds` times eight values.
template <int kRounds>
HWY_INLINE void add_errors(const float* HWY_RESTRICT original, const float* HWY_RESTRICT decoded,
                           RunningSums& sums) {
    const hn::CappedTag<double, RunningSums::ways> d;
    const hn::Rebind<float, decltype(d)> df;
    for (std::int64_t way = 0; way < RunningSums::ways;
         way += static_cast<std::int64_t>(hn::Lanes(d))) {
        auto squared_error = hn::Load(d, sums.squared_error + way);
        auto squared_value = hn::Load(d, sums.squared_value + way);
        auto max_abs_error = hn::Load(d, sums.max_abs_error + way);
        for (std::int64_t round = 0; round < kRounds; ++round) {
            const std::int64_t i = round * RunningSums::ways + way;
            const auto value = hn::PromoteTo(d, hn::LoadU(df, original + i));
            const auto error = hn::Sub(value, hn::PromoteTo(d, hn::LoadU(df, decoded + i)));
            squared_error = hn::Add(squared_error, hn::Mul(error, error));
            squared_value = hn::Add(squared_value, hn::Mul(value, value));
            max_abs_error = hn::Max(max_abs_error, hn::Abs(error));
        }
        hn::Store(squared_error, d, sums.squared_error + way);
        hn::Store(squared_value, d, sums.squared_value + way);
        hn::Store(max_abs_error, d, sums.max_abs_error + way);
    }
}

ErrorSums row_error_sums(const float* original, const float* decoded, std::int64_t n) {
    constexpr std::int64_t ways = RunningSums::ways;
    RunningSums running;
    std::int64_t i = 0;
    for (; i + 8 * ways <= n; i += 8 * ways)
        add_errors<8>(original + i, decoded + i, running);
    for (; i + ways <= n; i += ways)
        add_errors<1>(original + i, decoded + i, running);
    if (i < n) {
        // Zeros that are decoded as zeros add nothing.
        HWY_ALIGN float original_tail[ways] = {};
        HWY_ALIGN float decoded_tail[ways] = {};
        std::copy(original + i, original + n, original_tail);
        std::copy(decoded + i, decoded + n, decoded_tail);
        add_errors<1>(original_tail, decoded_tail, running);
    }
    ErrorSums sums;
    for (std::int64_t way = 0; way < ways; ++way) {
        sums +=
            {running.squared_error[way], running.squared_value[way], running.max_abs_error[way]};
    }
    return sums;
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(row_f16_to_f32);
HWY_EXPORT(row_f32_to_f16);
HWY_EXPORT(row_bf16_to_f32);
HWY_EXPORT(row_f32_to_bf16);
HWY_EXPORT(row_f16_to_f32_checked);
HWY_EXPORT(row_f16_to_bf16);
HWY_EXPORT(first_full_exponent_32);
HWY_EXPORT(first_full_exponent_16);
HWY_EXPORT(row_error_sums);

void f16_to_f32(const std::byte* halves, std::int64_t n, float* values) {
    HWY_DYNAMIC_DISPATCH(row_f16_to_f32)(halves, n, values);
}

void f32_to_f16(const float* values, std::int64_t n, std::byte* halves) {
    HWY_DYNAMIC_DISPATCH(row_f32_to_f16)(values, n, halves);
}

void bf16_to_f32(const std::byte* brains, std::int64_t n, float* values) {
    HWY_DYNAMIC_DISPATCH(row_bf16_to_f32)(brains, n, values);
}

void f32_to_bf16(const float* values, std::int64_t n, std::byte* brains) {
    HWY_DYNAMIC_DISPATCH(row_f32_to_bf16)(values, n, brains);
}

std::int64_t f16_to_f32_checked(const std::byte* halves, std::int64_t n, float* values) {
    return HWY_DYNAMIC_DISPATCH(row_f16_to_f32_checked)(halves, n, values);
}

std::int64_t f16_to_bf16(const std::byte* halves, std::int64_t n, std::byte* brains) {
    return HWY_DYNAMIC_DISPATCH(row_f16_to_bf16)(halves, n, brains);
}

std::int64_t find_non_finite(const float* values, std::int64_t n) {
    return find_non_finite_f32(reinterpret_cast<const std::byte*>(values), n);
}

std::int64_t find_non_finite_f32(const std::byte* values, std::int64_t n) {
    return HWY_DYNAMIC_DISPATCH(first_full_exponent_32)(values, n);
}

std::int64_t find_non_finite_f16(const std::byte* halves, std::int64_t n) {
    return HWY_DYNAMIC_DISPATCH(first_full_exponent_16)(halves, n, 0x7C00);
}

std::int64_t find_non_finite_bf16(const std::byte* brains, std::int64_t n) {
    return HWY_DYNAMIC_DISPATCH(first_full_exponent_16)(brains, n, 0x7F80);
}

std::int64_t find_non_finite_half(const StoredValues& values, std::int64_t n) {
    if (values.halves() == nullptr) return -1;
    return find_non_finite_f16(reinterpret_cast<const std::byte*>(values.halves()), n);
}

void widen(const StoredValues& values, std::int64_t n, float* floats) {
    if (values.halves() == nullptr) {
        std::copy_n(values.floats(), n, floats);
    } else {
        f16_to_f32(reinterpret_cast<const std::byte*>(values.halves()), n, floats);
    }
}

ErrorSums& ErrorSums::operator+=(const ErrorSums& other) {
    squared_error += other.squared_error;
    squared_value += other.squared_value;
    max_abs_error = std::max(max_abs_error, other.max_abs_error);
    return *this;
}

ErrorSums error_sums(const float* original, const float* decoded, std::int64_t n) {
    return HWY_DYNAMIC_DISPATCH(row_error_sums)(original, decoded, n);
}

}  // namespace quantize::kernels
#endif  // HWY_ONCE

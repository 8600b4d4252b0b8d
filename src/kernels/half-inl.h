// F16 and BF16 in vectors: to and from binary32, bit-exact like base/float16.h on every target.
//
// Included once per target (Highway's -inl.h habit), inside foreach_target.

// clang-format off
#if defined(QUANTIZE_KERNELS_HALF_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_HALF_INL_H_
#undef QUANTIZE_KERNELS_HALF_INL_H_
#else
#define QUANTIZE_KERNELS_HALF_INL_H_
#endif
// clang-format on

#include <hwy/highway.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// F16 values to binary32; a signalling NaN becomes quiet.
template <class DF, class DH = hn::Rebind<std::uint16_t, DF>>
HWY_INLINE hn::Vec<DF> f16_to_f32(DF df, hn::Vec<DH> halves) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && !defined(HWY_DISABLE_F16C)
    return hn::PromoteTo(df, hn::BitCast(hn::Rebind<hwy::float16_t, DF>(), halves));
#else
    const hn::RebindToUnsigned<DF> du;
    const auto bits = hn::PromoteTo(du, halves);
    const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(du, 0x8000u)));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(du, 0x7FFFu)));
    const auto rebiased = hn::Add(magnitude, hn::Set(du, 112u << 23));
    // Subnormal: give the mantissa an implicit one and take it off again, which normalises.
    const auto one_up = hn::BitCast(df, hn::Add(rebiased, hn::Set(du, 1u << 23)));
    const auto subnormal = hn::BitCast(du, hn::Sub(one_up, hn::Set(df, 0x1p-14f)));
    // Infinity and NaN: the exponent is all ones.
    const auto special_exponent = hn::Set(du, 0x7F800000u);
    const auto quiet =
        hn::IfThenElseZero(hn::Gt(hn::BitCast(hn::RebindToSigned<DF>(), magnitude),
                                  hn::Set(hn::RebindToSigned<DF>(), 0x0F800000)),
                           hn::BitCast(hn::RebindToSigned<DF>(), hn::Set(du, 0x00400000u)));
    const auto special = hn::Or(hn::Or(magnitude, special_exponent), hn::BitCast(du, quiet));
    const auto is_subnormal = hn::Eq(hn::And(magnitude, hn::Set(du, 0x0F800000u)), hn::Zero(du));
    const auto is_special =
        hn::Eq(hn::And(magnitude, hn::Set(du, 0x0F800000u)), hn::Set(du, 0x0F800000u));
    const auto finite = hn::IfThenElse(is_subnormal, subnormal, rebiased);
    return hn::BitCast(df, hn::Or(sign, hn::IfThenElse(is_special, special, finite)));
#endif
}

/// binary32 to F16, to nearest even; any NaN becomes 0x7E00 with the sign kept.
template <class DF, class DH = hn::Rebind<std::uint16_t, DF>>
HWY_INLINE hn::Vec<DH> f32_to_f16(DF df, hn::Vec<DF> values) {
    const hn::RebindToUnsigned<DF> du;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2 && !defined(HWY_DISABLE_F16C)
    // The hardware keeps a NaN's payload; with the payload cut to its quiet bit it agrees.
    const auto canonical_nan = hn::Or(hn::And(hn::BitCast(du, values), hn::Set(du, 0x80000000u)),
                                      hn::Set(du, 0x7FC00000u));
    const auto clean = hn::IfThenElse(hn::IsNaN(values), hn::BitCast(df, canonical_nan), values);
    return hn::BitCast(DH(), hn::DemoteTo(hn::Rebind<hwy::float16_t, DF>(), clean));
#else
    const hn::RebindToSigned<DF> di;
    const auto bits = hn::BitCast(du, values);
    const auto sign = hn::And(hn::ShiftRight<16>(bits), hn::Set(du, 0x8000u));
    const auto magnitude = hn::And(bits, hn::Set(du, 0x7FFFFFFFu));
    // Magnitudes are below 2^31, so that comparing as signed integers is right.
    const auto ordered = hn::BitCast(di, magnitude);
    const auto odd = hn::And(hn::ShiftRight<13>(magnitude), hn::Set(du, 1u));
    const auto normal =
        hn::ShiftRight<13>(hn::Add(hn::Sub(magnitude, hn::Set(du, 0x38000000u - 0x0FFFu)), odd));
    // Below 2^-14: adding 0.5 lines the last places up, so that the addition does the rounding.
    const auto lifted = hn::Add(hn::BitCast(df, magnitude), hn::Set(df, 0.5f));
    const auto subnormal = hn::Sub(hn::BitCast(du, lifted), hn::Set(du, 0x3F000000u));
    const auto is_subnormal = hn::RebindMask(du, hn::Lt(ordered, hn::Set(di, 0x38800000)));
    const auto is_infinite = hn::RebindMask(du, hn::Gt(ordered, hn::Set(di, 0x477FEFFF)));
    const auto is_nan = hn::RebindMask(du, hn::Gt(ordered, hn::Set(di, 0x7F800000)));
    auto half = hn::IfThenElse(is_subnormal, subnormal, normal);
    half = hn::IfThenElse(is_infinite, hn::Set(du, 0x7C00u), half);
    half = hn::IfThenElse(is_nan, hn::Set(du, 0x7E00u), half);
    return hn::TruncateTo(DH(), hn::Or(half, sign));
#endif
}

template <class DF, class DH = hn::Rebind<std::uint16_t, DF>>
HWY_INLINE hn::Vec<DF> bf16_to_f32(DF df, hn::Vec<DH> brains) {
    const hn::RebindToUnsigned<DF> du;
    return hn::BitCast(df, hn::ShiftLeft<16>(hn::PromoteTo(du, brains)));
}

/// binary32 to BF16, to nearest even; a NaN keeps its upper bits and becomes quiet.
template <class DF, class DH = hn::Rebind<std::uint16_t, DF>>
HWY_INLINE hn::Vec<DH> f32_to_bf16(DF, hn::Vec<DF> values) {
    const hn::RebindToUnsigned<DF> du;
    const auto bits = hn::BitCast(du, values);
    const auto upper = hn::ShiftRight<16>(bits);
    const auto odd = hn::And(upper, hn::Set(du, 1u));
    const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(du, 0x7FFFu)), odd));
    const auto quiet = hn::Or(upper, hn::Set(du, 0x40u));
    const auto is_nan = hn::RebindMask(du, hn::IsNaN(values));
    return hn::TruncateTo(DH(), hn::IfThenElse(is_nan, quiet, rounded));
}

/// The binary32 that a value has after it went through F16.
template <class DF>
HWY_INLINE hn::Vec<DF> through_f16(DF df, hn::Vec<DF> values) {
    return f16_to_f32(df, f32_to_f16(df, values));
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // include guard

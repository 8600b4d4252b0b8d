// Per-target vector helpers that the searches share: one lane is one independent problem (a
// sub-block, a block, a row), so a vector operation is the same scalar step taken for many
// problems. Compiled once per target; include it from kernels only, after foreach_target.h.
#if defined(QUANTIZE_KERNELS_LANES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_LANES_INL_H_
#undef QUANTIZE_KERNELS_LANES_INL_H_
#else
#define QUANTIZE_KERNELS_LANES_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// More lanes than this are left unused, so that tiles have a bounded size on every target.
inline constexpr std::size_t max_lanes = 16;
/// Columns of a tile: two vectors in flight hide the latency of dependent additions.
inline constexpr std::size_t max_columns = 2 * max_lanes;

using FloatTag = hn::CappedTag<float, max_lanes>;
using IntTag = hn::RebindToSigned<FloatTag>;

using Floats = hn::Vec<FloatTag>;
using Ints = hn::Vec<IntTag>;
using Mask = hn::Mask<FloatTag>;

/// Adding this to a float of magnitude below 2^22 leaves the nearest integer, ties to even, in the
/// low bits of the mantissa.
inline constexpr float nearest_magic = 12582912.0f;
/// How far those bits lie above the integer.
inline constexpr int nearest_bias = 0x00400000;
/// The bits above them.
inline constexpr int nearest_magic_bits = 0x4B000000;

/// nearest_int() plus nearest_bias, which saves an instruction where a clamp follows.
HWY_INLINE Ints biased_nearest(Floats v) {
    const IntTag di;
    const Ints bits = hn::BitCast(di, hn::Add(v, hn::Set(FloatTag(), nearest_magic)));
    return hn::And(bits, hn::Set(di, 0x007FFFFF));
}

/// The reference's conversion to the nearest integer, wrapping as it does for values out of range.
HWY_INLINE Ints nearest_int(Floats v) {
    return hn::Sub(biased_nearest(v), hn::Set(IntTag(), nearest_bias));
}

/// nearest_int() as a float, for magnitudes up to 4194303 only. The sign of a zero may differ.
HWY_INLINE Floats nearest_in_range(Floats v) {
#if HWY_TARGET == HWY_EMU128
    // EMU128's Round adds a half first, which is wrong for the float just below a half.
    const Floats magic = hn::Set(FloatTag(), nearest_magic);
    return hn::Sub(hn::Add(v, magic), magic);
#else
    return hn::Round(v);
#endif
}

// Clamps of floats (not NaN) by integer instructions: x86 has more units for those than for float
// minima, which compete with additions. Bits of floats order like signed integers against a number
// that is not negative.

/// max(v, +0): a negative zero becomes positive.
HWY_INLINE Floats clamp_from_zero(Floats v) {
    const IntTag di;
    return hn::BitCast(FloatTag(), hn::Max(hn::BitCast(di, v), hn::Zero(di)));
}
/// min(v, highest), where highest is not negative.
HWY_INLINE Floats clamp_to_positive(Floats v, Floats highest) {
    const IntTag di;
    return hn::BitCast(FloatTag(), hn::Min(hn::BitCast(di, v), hn::BitCast(di, highest)));
}
/// `a < b ? a : b` with the operands' roles as in C: b wins ties (signed zeros) and NaN. That is
/// what x86's minimum does.
HWY_INLINE Floats select_smaller(Floats a, Floats b) {
#if HWY_ARCH_X86 && HWY_TARGET < HWY_EMU128
    return hn::Min(a, b);
#else
    return hn::IfThenElse(hn::Lt(a, b), a, b);
#endif
}
HWY_INLINE Floats select_larger(Floats a, Floats b) {
#if HWY_ARCH_X86 && HWY_TARGET < HWY_EMU128
    return hn::Max(a, b);
#else
    return hn::IfThenElse(hn::Gt(a, b), a, b);
#endif
}

/// A bit for each lane, lane 0 lowest.
HWY_INLINE std::uint32_t bits_of(Mask mask) {
    std::uint8_t bytes[8] = {};
    hn::StoreMaskBits(FloatTag(), mask, bytes);
    return bytes[0] | std::uint32_t{bytes[1]} << 8;
}

/// v + 1 in the lanes of the mask, v in the others.
HWY_INLINE Ints add_one_where(Mask mask, Ints v) {
    const IntTag di;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    // Masks are registers of their own there: one masked addition.
    return hn::IfThenElse(hn::RebindMask(di, mask), hn::Add(v, hn::Set(di, 1)), v);
#else
    return hn::Sub(v, hn::BitCast(di, hn::VecFromMask(FloatTag(), mask)));
#endif
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

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

/// Transposes the 4 x 4 floats at `in`, rows `in_stride` apart, to rows `out_stride` apart.
HWY_INLINE void transpose_4x4(const float* in0, const float* in1, const float* in2,
                              const float* in3, float* HWY_RESTRICT out, std::size_t out_stride) {
    const hn::FixedTag<float, 4> d;
    const auto v0 = hn::LoadU(d, in0);
    const auto v1 = hn::LoadU(d, in1);
    const auto v2 = hn::LoadU(d, in2);
    const auto v3 = hn::LoadU(d, in3);
    const auto low01 = hn::InterleaveLower(d, v0, v1);
    const auto high01 = hn::InterleaveUpper(d, v0, v1);
    const auto low23 = hn::InterleaveLower(d, v2, v3);
    const auto high23 = hn::InterleaveUpper(d, v2, v3);
    hn::StoreU(hn::ConcatLowerLower(d, low23, low01), d, out);
    hn::StoreU(hn::ConcatUpperUpper(d, low23, low01), d, out + out_stride);
    hn::StoreU(hn::ConcatLowerLower(d, high23, high01), d, out + 2 * out_stride);
    hn::StoreU(hn::ConcatUpperUpper(d, high23, high01), d, out + 3 * out_stride);
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
/// Transposes four values of eight problems, two of which share a vector.
HWY_INLINE void transpose_8x4(const float* const* in, std::size_t at, float* HWY_RESTRICT out,
                              std::size_t out_stride) {
    const hn::Full128<float> half;
    const hn::Full256<float> d;
    const hn::Full256<double> pairs;
    const auto load = [&](std::size_t c) HWY_ATTR {
        return hn::Combine(d, hn::LoadU(half, in[c + 4] + at), hn::LoadU(half, in[c] + at));
    };
    const auto v0 = load(0), v1 = load(1), v2 = load(2), v3 = load(3);
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v0, v1));
    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v0, v1));
    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v2, v3));
    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v2, v3));
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23)), d, out);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23)), d, out + out_stride);
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23)), d, out + 2 * out_stride);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23)), d, out + 3 * out_stride);
}
#endif

/// Transposes `size` values of each of `columns` problems (both multiples of four): value i of
/// problem c goes to tile[i * columns + c].
HWY_INLINE void transpose_to_tile(const float* const* problems, std::size_t columns,
                                  std::size_t size, float* HWY_RESTRICT tile) {
    std::size_t c = 0;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
    for (; c + 8 <= columns; c += 8) {
        for (std::size_t i = 0; i < size; i += 4)
            transpose_8x4(problems + c, i, tile + i * columns + c, columns);
    }
#endif
    for (; c < columns; c += 4) {
        const float* const* const p = problems + c;
        for (std::size_t i = 0; i < size; i += 4) {
            transpose_4x4(p[0] + i, p[1] + i, p[2] + i, p[3] + i, tile + i * columns + c, columns);
        }
    }
}

/// The inverse: value i of problem c comes to out[c * size + i].
HWY_INLINE void transpose_from_tile(const float* tile, std::size_t columns, std::size_t size,
                                    float* HWY_RESTRICT out) {
    for (std::size_t c = 0; c < columns; c += 4) {
        for (std::size_t i = 0; i < size; i += 4) {
            const float* const in = tile + i * columns + c;
            transpose_4x4(in, in + columns, in + 2 * columns, in + 3 * columns, out + c * size + i,
                          size);
        }
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

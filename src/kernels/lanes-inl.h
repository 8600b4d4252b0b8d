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

/// Rows of floats in blocks of four values, transposed: d's lanes are problems. Value `at` + j of
/// problem c, which begins at in[c], comes to lane c of value j.
using FourProblems = hn::FixedTag<float, 4>;
HWY_INLINE void load_transposed(FourProblems d, const float* const* in, std::size_t at,
                                hn::Vec<FourProblems>& value0, hn::Vec<FourProblems>& value1,
                                hn::Vec<FourProblems>& value2, hn::Vec<FourProblems>& value3) {
    const auto v0 = hn::LoadU(d, in[0] + at);
    const auto v1 = hn::LoadU(d, in[1] + at);
    const auto v2 = hn::LoadU(d, in[2] + at);
    const auto v3 = hn::LoadU(d, in[3] + at);
    const auto low01 = hn::InterleaveLower(d, v0, v1);
    const auto high01 = hn::InterleaveUpper(d, v0, v1);
    const auto low23 = hn::InterleaveLower(d, v2, v3);
    const auto high23 = hn::InterleaveUpper(d, v2, v3);
    value0 = hn::ConcatLowerLower(d, low23, low01);
    value1 = hn::ConcatUpperUpper(d, low23, low01);
    value2 = hn::ConcatLowerLower(d, high23, high01);
    value3 = hn::ConcatUpperUpper(d, high23, high01);
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
/// The same for eight problems, two of which share a vector.
using EightProblems = hn::Full256<float>;
HWY_INLINE void load_transposed(EightProblems d, const float* const* in, std::size_t at,
                                hn::Vec<EightProblems>& value0, hn::Vec<EightProblems>& value1,
                                hn::Vec<EightProblems>& value2, hn::Vec<EightProblems>& value3) {
    const hn::Full128<float> half;
    const hn::Full256<double> pairs;
    const auto load = [&](std::size_t c) HWY_ATTR {
        return hn::Combine(d, hn::LoadU(half, in[c + 4] + at), hn::LoadU(half, in[c] + at));
    };
    const auto v0 = load(0), v1 = load(1), v2 = load(2), v3 = load(3);
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v0, v1));
    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v0, v1));
    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v2, v3));
    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v2, v3));
    value0 = hn::BitCast(d, hn::InterleaveLower(pairs, low01, low23));
    value1 = hn::BitCast(d, hn::InterleaveUpper(pairs, low01, low23));
    value2 = hn::BitCast(d, hn::InterleaveLower(pairs, high01, high23));
    value3 = hn::BitCast(d, hn::InterleaveUpper(pairs, high01, high23));
}
#endif

/// Calls take(d, c, i) for the blocks of `columns` problems of `size` values (both multiples of
/// four): d says how many problems from c on share a block, of four values from i on.
template <class Take>
HWY_INLINE void for_each_block(std::size_t columns, std::size_t size, const Take& take) {
    std::size_t c = 0;
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
    for (; c + 8 <= columns; c += 8) {
        for (std::size_t i = 0; i < size; i += 4)
            take(EightProblems(), c, i);
    }
#endif
    for (; c < columns; c += 4) {
        for (std::size_t i = 0; i < size; i += 4)
            take(FourProblems(), c, i);
    }
}

/// Transposes `size` values of each of `columns` problems (both multiples of four): value i of
/// problem c goes to tile[i * columns + c].
HWY_INLINE void transpose_to_tile(const float* const* problems, std::size_t columns,
                                  std::size_t size, float* HWY_RESTRICT tile) {
    for_each_block(columns, size, [&](auto d, std::size_t c, std::size_t i) HWY_ATTR {
        hn::Vec<decltype(d)> v0, v1, v2, v3;
        load_transposed(d, problems + c, i, v0, v1, v2, v3);
        float* const out = tile + i * columns + c;
        hn::StoreU(v0, d, out);
        hn::StoreU(v1, d, out + columns);
        hn::StoreU(v2, d, out + 2 * columns);
        hn::StoreU(v3, d, out + 3 * columns);
    });
}

/// The inverse: value i of problem c comes to out[c * size + i].
HWY_INLINE void transpose_from_tile(const float* tile, std::size_t columns, std::size_t size,
                                    float* HWY_RESTRICT out) {
    const FourProblems d;
    for (std::size_t c = 0; c < columns; c += 4) {
        for (std::size_t i = 0; i < size; i += 4) {
            const float* const in = tile + i * columns + c;
            const float* const rows[] = {in, in + columns, in + 2 * columns, in + 3 * columns};
            hn::Vec<FourProblems> v0, v1, v2, v3;
            load_transposed(d, rows, 0, v0, v1, v2, v3);
            float* const to = out + c * size + i;
            hn::StoreU(v0, d, to);
            hn::StoreU(v1, d, to + size);
            hn::StoreU(v2, d, to + 2 * size);
            hn::StoreU(v3, d, to + 3 * size);
        }
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

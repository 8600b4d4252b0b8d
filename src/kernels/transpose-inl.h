// Brings rows of values into lanes and back: a lane of a tile's vectors is a row, or a problem.
// Compiled once per target; include it from kernels only, after foreach_target.h.
#if defined(QUANTIZE_KERNELS_TRANSPOSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_TRANSPOSE_INL_H_
#undef QUANTIZE_KERNELS_TRANSPOSE_INL_H_
#else
#define QUANTIZE_KERNELS_TRANSPOSE_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "kernels/half-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// Where problems begin that lie `kStep` values apart. What transposes takes these, or pointers; to
/// list pointers for a tile and to read them again takes as long as transposing.
template <class T, std::size_t kStep>
struct EvenRows {
    const T* begin;

    HWY_INLINE const T* operator[](std::size_t c) const { return begin + c * kStep; }
    HWY_INLINE EvenRows operator+(std::size_t c) const { return {begin + c * kStep}; }
};
/// The type of what lies in rows.
template <class Rows>
using ValueIn = std::remove_cvref_t<decltype(std::declval<const Rows&>()[0][0])>;

/// Rows of floats in blocks of four values, transposed: d's lanes are problems. Value `at` + j of
/// problem c, which begins at in[c], comes to lane c of value j.
using FourProblems = hn::FixedTag<float, 4>;
template <class Rows>
HWY_INLINE void load_transposed(FourProblems d, const Rows& in, std::size_t at,
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
template <class Rows>
HWY_INLINE void load_transposed(EightProblems d, const Rows& in, std::size_t at,
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

/// Transposes one of those blocks: value i of problem c goes to tile[i * columns + c].
template <class D, class Rows>
HWY_INLINE void transpose_block(D d, const Rows& problems, std::size_t at, std::size_t columns,
                                float* HWY_RESTRICT tile) {
    hn::Vec<D> v0, v1, v2, v3;
    load_transposed(d, problems, at, v0, v1, v2, v3);
    float* const out = tile + at * columns;
    hn::StoreU(v0, d, out);
    hn::StoreU(v1, d, out + columns);
    hn::StoreU(v2, d, out + 2 * columns);
    hn::StoreU(v3, d, out + 3 * columns);
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

// F16 is transposed in 16 bits, in blocks of eight values, and widened afterwards.

/// Halves of so many problems at once: of eight, or of sixteen, two of which share a vector.
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
using HalfTag = hn::Full256<std::uint16_t>;
inline constexpr std::size_t half_problems = 16;
#else
using HalfTag = hn::FixedTag<std::uint16_t, 8>;
inline constexpr std::size_t half_problems = 8;
#endif
using Halves = hn::Vec<HalfTag>;

/// Eight values of a problem, and of the one eight further on where two share a vector.
template <class Rows>
HWY_INLINE Halves load_eight(const Rows& problem, std::size_t at) {
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX2
    const hn::Full128<std::uint16_t> part;
    return hn::Combine(HalfTag(), hn::LoadU(part, problem[8] + at),
                       hn::LoadU(part, problem[0] + at));
#else
    return hn::LoadU(HalfTag(), problem[0] + at);
#endif
}

using HalfQuadTag = hn::Repartition<std::uint64_t, HalfTag>;
using HalfQuads = hn::Vec<HalfQuadTag>;

/// Eight values of four problems: four halves of one value beside four of the next.
template <class Rows>
HWY_INLINE void load_four_problems(const Rows& problem, std::size_t at, HalfQuads& value01,
                                   HalfQuads& value23, HalfQuads& value45, HalfQuads& value67) {
    const HalfTag d;
    const HalfQuadTag quads;
    const hn::Repartition<std::uint32_t, HalfTag> pairs;
    const Halves v0 = load_eight(problem, at), v1 = load_eight(problem + 1, at);
    const Halves v2 = load_eight(problem + 2, at), v3 = load_eight(problem + 3, at);
    const auto low01 = hn::BitCast(pairs, hn::InterleaveLower(d, v0, v1));
    const auto high01 = hn::BitCast(pairs, hn::InterleaveUpper(d, v0, v1));
    const auto low23 = hn::BitCast(pairs, hn::InterleaveLower(d, v2, v3));
    const auto high23 = hn::BitCast(pairs, hn::InterleaveUpper(d, v2, v3));
    value01 = hn::BitCast(quads, hn::InterleaveLower(pairs, low01, low23));
    value23 = hn::BitCast(quads, hn::InterleaveUpper(pairs, low01, low23));
    value45 = hn::BitCast(quads, hn::InterleaveLower(pairs, high01, high23));
    value67 = hn::BitCast(quads, hn::InterleaveUpper(pairs, high01, high23));
}

#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
using WidenedTag = FloatTag;
#else
using WidenedTag = hn::Rebind<float, hn::Half<HalfTag> >;
#endif
using Widened = hn::Vec<WidenedTag>;

/// One value of `half_problems` problems as floats: put(first problem, the values of as many as a
/// vector holds).
template <class Put>
HWY_INLINE void widen(HalfQuads quads, const Put& put) {
    const Halves halves = hn::BitCast(HalfTag(), quads);
#if HWY_ARCH_X86 && HWY_TARGET <= HWY_AVX3
    put(0, f16_to_f32(WidenedTag(), halves));
#else
    const hn::Half<HalfTag> part;
    put(0, f16_to_f32(WidenedTag(), hn::LowerHalf(part, halves)));
    put(half_problems / 2, f16_to_f32(WidenedTag(), hn::UpperHalf(part, halves)));
#endif
}

/// Values from `at` to `at` + 7 of `half_problems` problems, one after the other: put(which of the
/// eight, first problem, the values of as many as a vector holds).
template <class Rows, class Put>
HWY_INLINE void for_eight_values(const Rows& problems, std::size_t at, const Put& put) {
    const HalfQuadTag d;
    HalfQuads a01, a23, a45, a67, b01, b23, b45, b67;
    load_four_problems(problems, at, a01, a23, a45, a67);
    load_four_problems(problems + 4, at, b01, b23, b45, b67);
    const auto put_two = [&](std::size_t value, HalfQuads a, HalfQuads b) HWY_ATTR {
        widen(hn::InterleaveLower(d, a, b),
              [&](std::size_t c, Widened v) HWY_ATTR { put(value, c, v); });
        widen(hn::InterleaveUpper(d, a, b),
              [&](std::size_t c, Widened v) HWY_ATTR { put(value + 1, c, v); });
    };
    put_two(0, a01, b01);
    put_two(2, a23, b23);
    put_two(4, a45, b45);
    put_two(6, a67, b67);
}

template <class Rows>
HWY_INLINE void transpose_eight(const Rows& problems, std::size_t at, std::size_t columns,
                                float* HWY_RESTRICT tile) {
    float* const out = tile + at * columns;
    for_eight_values(problems, at, [&](std::size_t i, std::size_t c, Widened v) HWY_ATTR {
        hn::StoreU(v, WidenedTag(), out + i * columns + c);
    });
}

/// Transposes `size` values of each of `columns` problems: value i of problem c goes to
/// tile[i * columns + c]. Both are multiples of four; in F16 of eight, and `columns` of
/// `half_problems`.
template <class Rows>
HWY_INLINE void transpose_to_tile(const Rows& problems, std::size_t columns, std::size_t size,
                                  float* HWY_RESTRICT tile) {
    if constexpr (std::is_same_v<ValueIn<Rows>, float>) {
        for_each_block(columns, size, [&](auto d, std::size_t c, std::size_t i) HWY_ATTR {
            transpose_block(d, problems + c, i, columns, tile + c);
        });
    } else {
        for (std::size_t c = 0; c < columns; c += half_problems) {
            for (std::size_t i = 0; i < size; i += 8)
                transpose_eight(problems + c, i, columns, tile + c);
        }
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

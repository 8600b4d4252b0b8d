// The neighbour search: which point near one that is off the grid fits the weights best. Lanes are
// neighbours here, each adding its terms in coordinate order. Compiled once per target.
//
// A coordinate of level l adds weight * (scale * (2l + 1) - value)^2, of which there are only 3 or
// 8 different ones. So all terms of the group are computed first, 32 numbers, and each distance is
// a sum of look-ups: the field of a coordinate in the word of a point is an index into four or
// eight of these terms, which a permutation of one register looks up.
#if defined(QUANTIZE_KERNELS_LATTICE_SEARCH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_LATTICE_SEARCH_INL_H_
#undef QUANTIZE_KERNELS_LATTICE_SEARCH_INL_H_
#else
#define QUANTIZE_KERNELS_LATTICE_SEARCH_INL_H_
#endif

#include <cfloat>
#include <limits>

#include "kernels/lattice_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

using ShortWordTag = hn::Rebind<std::uint16_t, IntTag>;

// Permutations look up floats by the low bits of the index: two within 128 bits, three on AVX2,
// four on AVX-512. Four-bit fields have their highest bit clear, so that what stands above a field
// does not matter on x86 from AVX2 on. Elsewhere, and in Highway's debug builds, the index must be
// clean.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
inline constexpr bool wants_clean_index = HWY_IS_DEBUG_BUILD;
inline constexpr bool permutes_eight = true;
inline constexpr bool permutes_four = true;
#else
inline constexpr bool wants_clean_index = true;
inline constexpr bool permutes_eight = false;
inline constexpr bool permutes_four = !HWY_HAVE_SCALABLE;
#endif

/// Looks up the four floats at `table` by the low two bits of each index. A permutation within 128
/// bits is cheaper than the one across the register that Highway has for it.
HWY_INLINE Floats look_up_four(const float* table, Ints index) {
    const FloatTag d;
    const auto four = hn::LoadDup128(d, table);
#if HWY_TARGET == HWY_AVX2
    return Floats{_mm256_permutevar_ps(four.raw, index.raw)};
#elif HWY_TARGET == HWY_AVX3
    return Floats{_mm512_permutevar_ps(four.raw, index.raw)};
#else
    return hn::TableLookupLanes(four, hn::IndicesFromVec(d, index));
#endif
}

/// table[lowest field of `word`], the field being that of a short word with Spec's levels. Reads a
/// whole vector at `table`, which is aligned to 16 bytes.
template <class Spec>
HWY_INLINE Floats look_up(const float* table, Ints word) {
    const FloatTag d;
    const IntTag di;
    constexpr std::int32_t mask = Spec::levels == 3 ? 3 : 7;
    if constexpr (wants_clean_index) word = hn::And(word, hn::Set(di, mask));
    if constexpr (Spec::levels == 3 && permutes_four) {
        return look_up_four(table, word);
    } else if constexpr (Spec::levels == 8 && permutes_eight) {
        return hn::TableLookupLanes(hn::LoadU(d, table), hn::IndicesFromVec(d, word));
    } else {
        return hn::GatherIndex(d, table, word);
    }
}

/// The word with the next coordinate's field lowest.
template <class Spec>
HWY_INLINE Ints next_field(Ints word) {
    return Spec::levels == 3 ? hn::ShiftRight<2>(word) : hn::ShiftRight<4>(word);
}

/// 2 * level + 1 by level, for look_up().
template <class Spec>
HWY_INLINE const float* odd_numbers() {
    HWY_ALIGN static constexpr float three_levels[max_lanes] = {1, 3, 5, 7, 1, 3, 5, 7};
    HWY_ALIGN static constexpr float eight_levels[max_lanes] = {1, 3, 5, 7, 9, 11, 13, 15};
    return Spec::levels == 3 ? three_levels : eight_levels;
}

/// Places in the table of one coordinate.
template <class Spec>
inline constexpr std::size_t places = Spec::levels == 3 ? 4 : 8;
/// Floats in the tables of one group: 8 coordinates with 4 places or 4 with 8.
inline constexpr std::size_t term_count = 32;

/// Adds what each coordinate of the words looks up in its table, in the coordinates' order.
template <class Spec>
HWY_INLINE Floats sum_fields(const float* terms, Ints word) {
    constexpr int bits = Spec::levels == 3 ? 2 : 4;
    constexpr std::size_t step = places<Spec>;
    Floats sum = look_up<Spec>(terms, word);
    sum = hn::Add(sum, look_up<Spec>(terms + step, hn::ShiftRight<bits>(word)));
    sum = hn::Add(sum, look_up<Spec>(terms + 2 * step, hn::ShiftRight<2 * bits>(word)));
    sum = hn::Add(sum, look_up<Spec>(terms + 3 * step, hn::ShiftRight<3 * bits>(word)));
    if constexpr (Spec::dims == 8) {
        sum = hn::Add(sum, look_up<Spec>(terms + 4 * step, hn::ShiftRight<4 * bits>(word)));
        sum = hn::Add(sum, look_up<Spec>(terms + 5 * step, hn::ShiftRight<5 * bits>(word)));
        sum = hn::Add(sum, look_up<Spec>(terms + 6 * step, hn::ShiftRight<6 * bits>(word)));
        sum = hn::Add(sum, look_up<Spec>(terms + 7 * step, hn::ShiftRight<7 * bits>(word)));
    }
    return sum;
}

/// The words of as many neighbours as there are lanes.
HWY_INLINE Ints load_words(const std::uint16_t* neighbours) {
    return hn::PromoteTo(IntTag(), hn::LoadU(ShortWordTag(), neighbours));
}

/// Writes the terms of group g of one lane for `scale`.
template <class Spec>
HWY_INLINE void compute_terms(const LatticeTile<Spec>& tile, std::size_t lane, std::size_t group,
                              float scale, float* HWY_RESTRICT terms) {
    const hn::CappedTag<float, places<Spec>> d;
    const std::size_t lanes = hn::Lanes(FloatTag());
    const auto scale_vector = hn::Set(d, scale);
    for (std::size_t part = 0; part < places<Spec>; part += hn::Lanes(d)) {
        const auto point = hn::Mul(scale_vector, hn::Load(d, odd_numbers<Spec>() + part));
        for (std::size_t i = 0; i < Spec::dims; ++i) {
            const std::size_t from = (group * Spec::dims + i) * lanes + lane;
            const auto difference = hn::Sub(point, hn::Set(d, tile.values[from]));
            const auto root = hn::Set(d, tile.roots[from]);
            hn::Store(hn::Mul(hn::Mul(root, difference), difference), d,
                      terms + i * places<Spec> + part);
        }
    }
}

/// The word of the neighbour at the smallest distance, the first of equals. When no distance is
/// finite, sets `failed` and answers the first neighbour.
template <class Spec>
HWY_INLINE std::int32_t find_neighbour(const LatticeGrid& grid, const LatticeTile<Spec>& tile,
                                       std::size_t lane, std::size_t group, float scale,
                                       std::int32_t entry, bool& failed) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    HWY_ALIGN float terms[term_count + max_lanes];
    compute_terms<Spec>(tile, lane, group, scale, terms);
    const NeighbourList list = unpack_list(entry);
    const std::uint16_t* const words = grid.neighbours + list.begin;
    Floats least = hn::Set(d, FLT_MAX);
    Ints position = hn::Iota(di, 0);
    Ints where = position;
    for (std::size_t j = 0; j < list.count; j += lanes) {
        const Floats distance = sum_fields<Spec>(terms, load_words(words + j));
        const Mask less = hn::And(hn::FirstN(d, list.count - j), hn::Lt(distance, least));
        least = hn::IfThenElse(less, distance, least);
        where = hn::IfThenElse(hn::RebindMask(di, less), position, where);
        position = hn::Add(position, hn::Set(di, static_cast<std::int32_t>(lanes)));
    }
    // Each lane has the first of its least; the earliest of these is the first of all.
    const Floats best = hn::MinOfLanes(d, least);
    failed |= !(hn::GetLane(best) < FLT_MAX);
    const Ints latest = hn::Set(di, std::numeric_limits<std::int32_t>::max());
    const auto winners = hn::RebindMask(di, hn::Eq(least, best));
    return words[hn::GetLane(hn::MinOfLanes(di, hn::IfThenElse(winners, where, latest)))];
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

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

#include "kernels/lattice_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

using ShortWordTag = hn::Rebind<std::uint16_t, IntTag>;

// Permutations look up floats by the low bits of the index: two on 128-bit targets, three on AVX2,
// four on AVX-512. Tables of four are repeated over the register, and four-bit fields have their
// highest bit clear, so that what stands above a field does not matter on x86 with AVX2. Elsewhere,
// and in Highway's debug builds, the index must be clean.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
inline constexpr bool wants_clean_index = HWY_IS_DEBUG_BUILD;
inline constexpr bool permutes_eight = true;
inline constexpr bool permutes_four = true;
#else
inline constexpr bool wants_clean_index = true;
inline constexpr bool permutes_eight = false;
inline constexpr bool permutes_four = !HWY_HAVE_SCALABLE;
#endif

/// table[lowest field of `word`], the field being that of a short word with Spec's levels. Reads a
/// whole vector at `table`, which is aligned to 16 bytes.
template <class Spec>
HWY_INLINE Floats look_up(const float* table, Ints word) {
    const FloatTag d;
    const IntTag di;
    constexpr std::int32_t mask = Spec::levels == 3 ? 3 : 7;
    if constexpr (wants_clean_index) word = hn::And(word, hn::Set(di, mask));
    if constexpr (Spec::levels == 3 && permutes_four) {
        return hn::TableLookupLanes(hn::LoadDup128(d, table), hn::IndicesFromVec(d, word));
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

/// Writes the terms of group g of one lane for `scale`.
template <class Spec>
HWY_INLINE void compute_terms(const LatticeTile<Spec>& tile, std::size_t lane, std::size_t group,
                              float scale, float* HWY_RESTRICT terms) {
    const hn::CappedTag<float, 8> d;
    const std::size_t step = hn::Lanes(d);
    const std::size_t lanes = hn::Lanes(FloatTag());
    const auto scale_vector = hn::Set(d, scale);
    for (std::size_t part = 0; part < 8; part += step) {
        const auto point = hn::Mul(scale_vector, hn::Load(d, odd_numbers<Spec>() + part));
        for (std::size_t segment = 0; segment < 4; ++segment) {
            const std::size_t at = segment * 8 + part;
            auto value = hn::Zero(d);
            auto root = value;
            if constexpr (Spec::levels == 3) {
                const std::size_t from = (lane * tile.groups + group) * term_count + at;
                value = hn::Load(d, tile.spread_values + from);
                root = hn::Load(d, tile.spread_roots + from);
            } else {
                const std::size_t from = (group * Spec::dims + segment) * lanes + lane;
                value = hn::Set(d, tile.values[from]);
                root = hn::Set(d, tile.roots[from]);
            }
            const auto difference = hn::Sub(point, value);
            hn::Store(hn::Mul(hn::Mul(root, difference), difference), d, terms + at);
        }
    }
}

/// Squared distances of as many neighbours as there are lanes.
template <class Spec>
HWY_INLINE Floats sum_terms(const float* terms, const std::uint16_t* neighbours) {
    constexpr std::size_t places = Spec::levels == 3 ? 4 : 8;
    constexpr int bits = Spec::levels == 3 ? 2 : 4;
    const Ints word = hn::PromoteTo(IntTag(), hn::LoadU(ShortWordTag(), neighbours));
    Floats sum = look_up<Spec>(terms, word);
    sum = hn::Add(sum, look_up<Spec>(terms + places, hn::ShiftRight<bits>(word)));
    sum = hn::Add(sum, look_up<Spec>(terms + 2 * places, hn::ShiftRight<2 * bits>(word)));
    sum = hn::Add(sum, look_up<Spec>(terms + 3 * places, hn::ShiftRight<3 * bits>(word)));
    if constexpr (Spec::dims == 8) {
        sum = hn::Add(sum, look_up<Spec>(terms + 4 * places, hn::ShiftRight<4 * bits>(word)));
        sum = hn::Add(sum, look_up<Spec>(terms + 5 * places, hn::ShiftRight<5 * bits>(word)));
        sum = hn::Add(sum, look_up<Spec>(terms + 6 * places, hn::ShiftRight<6 * bits>(word)));
        sum = hn::Add(sum, look_up<Spec>(terms + 7 * places, hn::ShiftRight<7 * bits>(word)));
    }
    return sum;
}

/// What a search found.
struct Neighbour {
    std::int32_t word;
    bool sure;  ///< every other neighbour is farther by more than the tolerance
};

/// The neighbour at the smallest distance, the first of equals. When no distance is finite, sets
/// `failed` and answers the first neighbour. `Long` says that the list exceeds a vector.
template <class Spec, bool Long>
HWY_INLINE Neighbour find_neighbour(const LatticeGrid& grid, const LatticeTile<Spec>& tile,
                                    std::size_t lane, std::size_t group, float scale,
                                    std::int32_t entry, float tolerance, bool& failed) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    HWY_ALIGN float terms[term_count + max_lanes];
    compute_terms<Spec>(tile, lane, group, scale, terms);
    const NeighbourList list = unpack_list(entry);
    const std::uint16_t* const words = grid.neighbours + list.begin;
    const Floats none = hn::Set(d, FLT_MAX);
    if constexpr (!Long) {
        const Floats distance = sum_terms<Spec>(terms, words);
        const Mask usable = hn::And(hn::FirstN(d, list.count), hn::Lt(distance, none));
        const Floats best = hn::IfThenElse(usable, distance, none);
        const Floats least = hn::MinOfLanes(d, best);
        failed |= !(hn::GetLane(least) < FLT_MAX);
        const Mask near = hn::Le(best, hn::Add(least, hn::Set(d, tolerance)));
        const std::size_t rank = hn::FindKnownFirstTrue(d, hn::Eq(best, least));
        return {words[rank], hn::CountTrue(d, near) == 1};
    }
    HWY_ALIGN float distances[longest_list + max_lanes];
    Floats best = none;
    for (std::size_t j = 0; j < list.count; j += lanes) {
        const Floats distance = sum_terms<Spec>(terms, words + j);
        const Mask usable = hn::And(hn::FirstN(d, list.count - j), hn::Lt(distance, none));
        const Floats kept = hn::IfThenElse(usable, distance, none);
        best = hn::Min(best, kept);
        hn::Store(kept, d, distances + j);
    }
    const Floats least = hn::MinOfLanes(d, best);
    if (!(hn::GetLane(least) < FLT_MAX)) {
        failed = true;
        return {words[0], false};
    }
    const Floats limit = hn::Add(least, hn::Set(d, tolerance));
    std::size_t near = 0;
    std::size_t rank = 0;
    for (std::size_t j = (list.count - 1) / lanes * lanes + lanes; j > 0;) {
        j -= lanes;
        const Floats distance = hn::Load(d, distances + j);
        near += hn::CountTrue(d, hn::Le(distance, limit));
        // Without a branch: which vector holds the least cannot be guessed.
        const auto first = hn::FindFirstTrue(d, hn::Eq(distance, least));
        rank = first < 0 ? rank : j + static_cast<std::size_t>(first);
    }
    return {words[rank], near == 1};
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

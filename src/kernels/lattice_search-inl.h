// The neighbour search: which point near one that is off the grid fits the weights best. Lanes are
// neighbours here, each adding its terms in coordinate order. Compiled once per target.
//
// A coordinate of level l adds weight * (scale * (2l + 1) - value)^2, of which there are only 3 or
// 8 different ones. So all terms of the group are computed first, 32 numbers, and each distance is
// a sum of look-ups: the words of the points are made so that the field of a coordinate is an
// index into eight of these terms, which a permutation of one register looks up.
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

// On x86 with eight or more lanes a permutation looks up eight floats and reads only the low bits
// of the index (three; or four, of which a field's highest is never set). Highway's debug builds
// want the index clean.
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
inline constexpr bool permutes_eight = true;
inline constexpr bool wants_clean_index = HWY_IS_DEBUG_BUILD;
#else
inline constexpr bool permutes_eight = false;
inline constexpr bool wants_clean_index = true;
#endif

/// table[low three bits of the index]; what is above the field in the index does not matter.
/// Reads a whole vector at `table`.
HWY_INLINE Floats look_up(const float* table, Ints index) {
    const FloatTag d;
    const IntTag di;
    if constexpr (wants_clean_index) index = hn::And(index, hn::Set(di, 7));
    if constexpr (permutes_eight) {
        return hn::TableLookupLanes(hn::LoadU(d, table), hn::IndicesFromVec(d, index));
    } else {
        return hn::GatherIndex(d, table, index);
    }
}

/// 2 * level + 1 by a field's index.
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
HWY_INLINE Floats sum_terms(const float* terms, Ints word) {
    Floats sum = look_up(terms, word);
    if constexpr (Spec::levels == 3) {
        sum = hn::Add(sum, look_up(terms, hn::ShiftRight<4>(word)));
        sum = hn::Add(sum, look_up(terms + 8, hn::ShiftRight<8>(word)));
        sum = hn::Add(sum, look_up(terms + 8, hn::ShiftRight<12>(word)));
        sum = hn::Add(sum, look_up(terms + 16, hn::ShiftRight<16>(word)));
        sum = hn::Add(sum, look_up(terms + 16, hn::ShiftRight<20>(word)));
        sum = hn::Add(sum, look_up(terms + 24, hn::ShiftRight<24>(word)));
        sum = hn::Add(sum, look_up(terms + 24, hn::ShiftRight<28>(word)));
    } else {
        sum = hn::Add(sum, look_up(terms + 8, hn::ShiftRight<4>(word)));
        sum = hn::Add(sum, look_up(terms + 16, hn::ShiftRight<8>(word)));
        sum = hn::Add(sum, look_up(terms + 24, hn::ShiftRight<12>(word)));
    }
    return sum;
}

/// The word of the neighbour at the smallest distance, the first of equals. When no distance is
/// finite, sets `failed` and answers the nearest neighbour.
template <class Spec>
HWY_INLINE std::int32_t find_neighbour(const LatticeGrid& grid, const LatticeTile<Spec>& tile,
                                       std::size_t lane, std::size_t group, float scale,
                                       std::int32_t entry, bool& failed) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    HWY_ALIGN float terms[term_count + max_lanes];
    compute_terms<Spec>(tile, lane, group, scale, terms);
    const NeighbourList list = grid.lists[-1 - entry];
    const auto* words = reinterpret_cast<const std::int32_t*>(grid.neighbour_words) + list.begin;
    const Floats none = hn::Set(d, FLT_MAX);
    Floats best = none;
    std::size_t rank = 0;
    if (list.count <= lanes) {
        const Floats distance = sum_terms<Spec>(terms, hn::LoadU(di, words));
        best = hn::IfThenElse(hn::Lt(distance, best), distance, best);
        const Floats least = hn::MinOfLanes(d, best);
        failed |= hn::GetLane(least) >= FLT_MAX;
        rank = hn::FindKnownFirstTrue(d, hn::Eq(best, least));
    } else {
        Ints ranks = hn::Zero(di);
        for (std::size_t j = 0; j < list.count; j += lanes) {
            const Floats distance = sum_terms<Spec>(terms, hn::LoadU(di, words + j));
            const Mask less = hn::Lt(distance, best);
            best = hn::IfThenElse(less, distance, best);
            ranks = hn::IfThenElse(hn::RebindMask(di, less),
                                   hn::Set(di, static_cast<std::int32_t>(j)), ranks);
        }
        ranks = hn::Add(ranks, hn::Iota(di, 0));
        const Floats least = hn::MinOfLanes(d, best);
        failed |= hn::GetLane(least) >= FLT_MAX;
        const auto others = hn::Set(di, 0x7FFFFFFF);
        ranks = hn::IfThenElse(hn::RebindMask(di, hn::Eq(best, least)), ranks, others);
        rank = static_cast<std::size_t>(hn::GetLane(hn::MinOfLanes(di, ranks)));
    }
    return words[rank];
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

// The fit of the grid types: sweep of scales, choice of the best, refit; one body for all five
// types (lattice_spec.h says how they differ) and every instruction set.
//
// Lanes are sub-blocks, so that each lane adds its sums in the order of a scalar loop. Only the
// neighbour searches turn this round: there, lanes are neighbours (lattice_search-inl.h). All
// roundings of the sweep come first, then all searches, then all sums: no step waits for another.
#include "kernels/lattice.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lattice.cpp"
#include <hwy/cache_control.h>
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <vector>

#include "kernels/lattice_positive-inl.h"
#include "kernels/lattice_search-inl.h"
#include "kernels/lattice_tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

using lattice::Centre;
using lattice::Refit;

/// Set in a word beside the levels: the point was off the grid and is a neighbour.
constexpr std::int32_t off_grid_bit = INT32_MIN;

/// Rounds a group's values to levels and looks them up: the entry of the map for each lane.
/// `InRange` promises that no product with the scale is NaN or beyond 2^22, where rounding wraps.
template <class Spec, bool InRange>
HWY_INLINE Ints look_up_group(const LatticeGrid& grid, const LatticeTile<Spec>& tile,
                              std::size_t group, Floats inverse_scale) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats one = hn::Set(d, 1.0f);
    constexpr auto top = static_cast<std::int32_t>(Spec::levels - 1);
    // Rounding x / 2 with 1.5 * 2^23 leaves the same bits as rounding x with 1.5 * 2^24.
    constexpr std::int32_t rounded_zero = 0x4BC00000;
    const Floats magic = hn::BitCast(d, hn::Set(di, rounded_zero));
    Ints code = hn::Zero(di);
    std::uint32_t excess = 0;  // what the bits of `magic` add up to in the code
    for (std::size_t i = Spec::dims; i-- > 0;) {
        const Floats x = hn::Load(d, tile.values + (group * Spec::dims + i) * lanes);
        const Floats twice = hn::Sub(hn::Mul(inverse_scale, x), one);
        Ints level;
        if constexpr (InRange) {
            const Floats limited =
                hn::Min(hn::Max(twice, hn::Zero(d)), hn::Set(d, static_cast<float>(2 * top)));
            level = hn::BitCast(di, hn::Add(limited, magic));
            excess = excess * static_cast<std::uint32_t>(Spec::levels) + rounded_zero;
        } else {
            level = nearest_int(hn::Mul(hn::Set(d, 0.5f), twice));
            level = hn::Max(hn::Min(level, hn::Set(di, top)), hn::Zero(di));
        }
        const Ints shifted =
            Spec::levels == 3 ? hn::Add(code, hn::Add(code, code)) : hn::ShiftLeft<3>(code);
        code = hn::Add(shifted, level);
    }
    code = hn::Sub(code, hn::Set(di, static_cast<std::int32_t>(excess)));
    return hn::GatherIndex(di, grid.map, code);
}

/// Sums of weight * value * q and weight * q * q over the sub-block, q being 2 * level + 1, for
/// two sets of points at once: the additions of one fill the pauses of the other.
template <class Spec>
HWY_INLINE void sum_points(const LatticeTile<Spec>& tile, const std::int32_t* words_a,
                           const std::int32_t* words_b, float* products, float* squares,
                           std::size_t b_offset) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    Floats product_a = hn::Zero(d);
    Floats square_a = product_a;
    Floats product_b = product_a;
    Floats square_b = product_a;
    for (std::size_t group = 0; group < tile.groups; ++group) {
        Ints word_a = hn::Load(di, words_a + group * lanes);
        Ints word_b = hn::Load(di, words_b + group * lanes);
        for (std::size_t i = 0; i < Spec::dims; ++i) {
            const std::size_t at = (group * Spec::dims + i) * lanes;
            const Floats weight = hn::Load(d, tile.weights + at);
            const Floats weighted = hn::Load(d, tile.weighted + at);
            const Floats a = look_up<Spec>(odd_numbers<Spec>(), word_a);
            const Floats b = look_up<Spec>(odd_numbers<Spec>(), word_b);
            product_a = hn::Add(product_a, hn::Mul(weighted, a));
            product_b = hn::Add(product_b, hn::Mul(weighted, b));
            square_a = hn::Add(square_a, hn::Mul(hn::Mul(weight, a), a));
            square_b = hn::Add(square_b, hn::Mul(hn::Mul(weight, b), b));
            word_a = next_field<Spec>(word_a);
            word_b = next_field<Spec>(word_b);
        }
    }
    hn::Store(product_a, d, products);
    hn::Store(square_a, d, squares);
    hn::Store(product_b, d, products + b_offset);
    hn::Store(square_b, d, squares + b_offset);
}

/// The entries of the map for every scale of the sweep.
template <class Spec, bool InRange>
HWY_INLINE void round_sweep(const LatticeGrid& grid, LatticeTile<Spec>& tile, Floats divisor) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    for (std::size_t c = 0; c < tile.candidates; ++c) {
        const float step = static_cast<float>(static_cast<int>(c) - Spec::reach) * Spec::step;
        const float target = static_cast<float>(2 * Spec::levels - 1) + step;
        const Floats inverse_scale = hn::Div(hn::Set(d, target), divisor);
        hn::Store(hn::Div(hn::Set(d, 1.0f), inverse_scale), d, tile.scales + c * lanes);
        for (std::size_t group = 0; group < tile.groups; ++group) {
            const Ints entry = look_up_group<Spec, InRange>(grid, tile, group, inverse_scale);
            hn::Store(entry, di, tile.words + (c * tile.groups + group) * lanes);
        }
    }
}

/// Finds the runs of candidates for which a group misses the grid at the same point.
template <class Spec>
HWY_INLINE void mark_runs(LatticeTile<Spec>& tile, Mask active) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const std::size_t row_bytes = std::max<std::size_t>(1, lanes / 8);
    for (std::size_t group = 0; group < tile.groups; ++group) {
        Ints end = hn::Zero(di);
        Ints next = hn::Zero(di);
        for (std::size_t c = tile.candidates; c-- > 0;) {
            const std::size_t row = c * tile.groups + group;
            const Ints entry = hn::Load(di, tile.words + row * lanes);
            const Ints here = hn::Set(di, static_cast<std::int32_t>(c));
            end = c + 1 == tile.candidates ? here : hn::IfThenElse(hn::Eq(entry, next), end, here);
            hn::Store(end, di, tile.run_ends + row * lanes);
            const Ints before =
                c == 0 ? hn::Zero(di) : hn::Load(di, tile.words + (row - tile.groups) * lanes);
            const auto starts = hn::And(hn::Lt(entry, hn::Zero(di)), hn::Ne(entry, before));
            const Mask wanted = hn::And(active, hn::RebindMask(d, starts));
            hn::StoreMaskBits(d, wanted, tile.run_starts + row * row_bytes);
            next = entry;
        }
    }
    std::memset(tile.run_starts + tile.candidates * tile.groups * row_bytes, 0, 8);
}

/// The tolerance of the searches for each group: neighbours whose computed distances differ by
/// more, at two scales of the sweep, keep their order at all scales between, as computed.
///
/// Proof. Let D_q(s) = sum of w (s q - x)^2 in exact arithmetic; u = 2^-24; S the largest scale; Q
/// the largest q; M = S Q + |x|; B = sum of w M^2. A computed difference is off by at most
/// 2.01 u M, so a computed term by at most 6.1 u w M^2, and the sum of up to 8 terms by at most
/// E = 14 u B. For two neighbours D_p(s) - D_q(s) = s (a s - b) with constants a and b, so that
/// g(s) / s is linear for the gap g(s): if g is at least G at both ends of an interval, then it is
/// at least r G inside, r being the ratio of its ends. Over the sweep r > 0.66. A computed gap of
/// T at both ends means G >= T - 2 E, and computed distances keep their order inside when
/// r G > 2 E, which T >= 5.1 E = 72 u B ensures. T = 2^-17 B = 128 u B is used, to be on the
/// safe side of the roundings of B and T. All this needs numbers that neither overflow nor lose
/// bits to underflow; outside the ranges checked below the tolerance is infinite, and no
/// neighbour is ever sure.
template <class Spec>
HWY_INLINE void compute_tolerances(LatticeTile<Spec>& tile) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    const Floats top =
        hn::Mul(hn::Load(d, tile.scales), hn::Set(d, static_cast<float>(2 * Spec::levels - 1)));
    for (std::size_t group = 0; group < tile.groups; ++group) {
        Floats bound = hn::Zero(d);
        Floats largest = hn::Zero(d);
        for (std::size_t i = 0; i < Spec::dims; ++i) {
            const std::size_t at = (group * Spec::dims + i) * lanes;
            const Floats reach = hn::Add(top, hn::Abs(hn::Load(d, tile.values + at)));
            largest = hn::Max(largest, reach);
            bound = hn::Add(bound, hn::Mul(hn::Load(d, tile.roots + at), hn::Mul(reach, reach)));
        }
        Mask ordinary = hn::And(hn::Ge(top, hn::Set(d, 1e-15f)), hn::Le(largest, hn::Set(d, 1e9f)));
        ordinary = hn::And(
            ordinary, hn::And(hn::Ge(bound, hn::Set(d, 1e-20f)), hn::Le(bound, hn::Set(d, 1e30f))));
        const Floats tolerance = hn::Mul(bound, hn::Set(d, 0x1p-17f));
        const Floats never = hn::Set(d, std::numeric_limits<float>::infinity());
        hn::Store(hn::IfThenElse(ordinary, tolerance, never), d, tile.tolerances + group * lanes);
    }
}

/// Lists searches, those whose neighbours fit one vector apart from longer ones, so that
/// the processor guesses the course of each loop. Nothing here waits for the result of a search.
template <class Spec>
class SearchQueue {
 public:
    SearchQueue(const LatticeGrid& grid, LatticeTile<Spec>& tile) : grid_(grid), tile_(tile) {}

    /// Adds the search for one candidate and column, which is off the grid and has not been
    /// searched, when `wanted`. Without branches: what is wanted cannot be guessed.
    HWY_INLINE void add(std::size_t candidate, std::size_t column, bool wanted) {
        const std::size_t at = candidate * columns() + column;
        const std::int32_t entry = tile_.words[at];
        const NeighbourList list = unpack_list(entry);
        const bool fits = list.count <= hn::Lanes(FloatTag());
        hwy::Prefetch(grid_.neighbours + list.begin);
        tile_.short_jobs[short_count_] = static_cast<std::uint16_t>(at);
        tile_.long_jobs[long_count_] = static_cast<std::uint16_t>(at);
        short_count_ += wanted & fits;
        long_count_ += wanted & !fits;
    }

    /// Does all searches, and forgets them.
    HWY_INLINE void run() {
        for (std::size_t j = 0; j < short_count_; ++j)
            search<false>(tile_.short_jobs[j]);
        for (std::size_t j = 0; j < long_count_; ++j)
            search<true>(tile_.long_jobs[j]);
        short_count_ = 0;
        long_count_ = 0;
    }

 private:
    static HWY_INLINE std::size_t columns() {
        return LatticeTile<Spec>::groups * hn::Lanes(FloatTag());
    }

    template <bool Long>
    HWY_INLINE void search(std::size_t at) {
        const std::size_t lanes = hn::Lanes(FloatTag());
        const std::size_t column = at % columns();
        const std::size_t lane = column & (lanes - 1);
        const float scale = tile_.scales[at / columns() * lanes + lane];
        const Neighbour found =
            find_neighbour<Spec, Long>(grid_, tile_, lane, column / lanes, scale, tile_.words[at],
                                       tile_.tolerances[column], tile_.failed[lane]);
        tile_.words[at] = found.word | off_grid_bit;
        tile_.sure[at] = found.sure;
    }

    const LatticeGrid& grid_;
    LatticeTile<Spec>& tile_;
    std::size_t short_count_ = 0;
    std::size_t long_count_ = 0;
};

/// Candidates `low` and `high`, with others between them, of one column.
HWY_INLINE std::uint32_t pack_interval(std::size_t low, std::size_t high, std::size_t column) {
    return static_cast<std::uint32_t>(low | high << 8 | column << 16);
}

/// Searches for the first and the last candidate of each run, and lists the runs between.
template <class Spec>
HWY_INLINE std::size_t search_ends(LatticeTile<Spec>& tile, SearchQueue<Spec>& queue) {
    const std::size_t lanes = hn::Lanes(FloatTag());
    const std::size_t row_bits = std::max<std::size_t>(8, lanes);
    std::size_t count = 0;
    for (std::size_t base = 0; base < tile.candidates * tile.groups * row_bits; base += 64) {
        std::uint64_t bits;
        std::memcpy(&bits, tile.run_starts + base / 8, sizeof(bits));
        for (; bits != 0; bits &= bits - 1) {
            const std::size_t at = base + static_cast<std::size_t>(std::countr_zero(bits));
            const std::size_t row = at / row_bits;
            const std::size_t lane = at % row_bits;
            const std::size_t column = row % tile.groups * lanes + lane;
            const std::size_t first = row / tile.groups;
            const auto last = static_cast<std::size_t>(tile.run_ends[row * lanes + lane]);
            queue.add(first, column, true);
            queue.add(last, column, last > first);
            tile.intervals[count] = pack_interval(first, last, column);
            count += last > first + 1;
        }
    }
    queue.run();
    return count;
}

/// Finds the words of all runs of candidates with the same entry. Between two candidates whose
/// searches surely find the same neighbour, all others find it too, and their words are left
/// for fill_runs(); other intervals are halved.
template <class Spec>
HWY_INLINE void resolve_runs(const LatticeGrid& grid, LatticeTile<Spec>& tile) {
    const std::size_t stride = tile.groups * hn::Lanes(FloatTag());
    SearchQueue<Spec> queue(grid, tile);
    for (std::size_t count = search_ends(tile, queue); count > 0;) {
        std::size_t next = 0;
        for (std::size_t n = 0; n < count; ++n) {
            const std::size_t column = tile.intervals[n] >> 16;
            const std::size_t low = tile.intervals[n] & 255u;
            const std::size_t high = tile.intervals[n] >> 8 & 255u;
            const std::size_t low_at = low * stride + column;
            const std::size_t high_at = high * stride + column;
            const bool apart = (tile.words[low_at] != tile.words[high_at]) |
                               !(tile.sure[low_at] & tile.sure[high_at]);
            const std::size_t middle = (low + high) / 2;
            queue.add(middle, column, apart);
            tile.next_intervals[next] = pack_interval(low, middle, column);
            next += apart & (middle - low > 1);
            tile.next_intervals[next] = pack_interval(middle, high, column);
            next += apart & (high - middle > 1);
        }
        queue.run();
        std::swap(tile.intervals, tile.next_intervals);
        count = next;
    }
}

/// Gives entries that resolve_runs() left the word of the candidate before.
template <class Spec>
HWY_INLINE void fill_runs(LatticeTile<Spec>& tile) {
    const IntTag di;
    const std::size_t lanes = hn::Lanes(di);
    for (std::size_t group = 0; group < tile.groups; ++group) {
        Ints before = hn::Zero(di);
        for (std::size_t c = 0; c < tile.candidates; ++c) {
            std::int32_t* const at = tile.words + (c * tile.groups + group) * lanes;
            const Ints word = hn::Load(di, at);
            const auto left = hn::And(hn::Lt(word, hn::Zero(di)),
                                      hn::Gt(word, hn::Set(di, pack_list({0, 0}) - 1)));
            before = hn::IfThenElse(left, before, word);
            hn::Store(before, di, at);
        }
    }
}

/// Rounds, searches and sums for every scale of the sweep.
template <class Spec>
HWY_INLINE void sweep(const LatticeGrid& grid, LatticeTile<Spec>& tile, Floats divisor,
                      Mask active) {
    const FloatTag d;
    const std::size_t lanes = hn::Lanes(d);
    // Products of the sweep stay below 18 / divisor * largest: well within the range.
    const Mask small = hn::Le(hn::Load(d, tile.largest), hn::Mul(divisor, hn::Set(d, 1e5f)));
    const Mask in_range = hn::And(small, hn::Ge(divisor, hn::Set(d, 1e-30f)));
    if (hn::AllTrue(d, in_range)) {
        round_sweep<Spec, true>(grid, tile, divisor);
    } else {
        round_sweep<Spec, false>(grid, tile, divisor);
    }
    mark_runs(tile, active);
    compute_tolerances(tile);
    resolve_runs(grid, tile);
    fill_runs(tile);
    const std::size_t stride = tile.groups * lanes;
    for (std::size_t c = 0; c < tile.candidates; c += 2) {
        // The number of candidates is odd: the last is summed beside itself.
        const std::size_t next = c + 1 < tile.candidates ? 1 : 0;
        sum_points(tile, tile.words + c * stride, tile.words + (c + next) * stride,
                   tile.products + c * lanes, tile.squares + c * lanes, next * lanes);
    }
}

/// Takes the candidate that explains most, in the order of the sweep; returns its scale, or
/// `start` where none explains anything.
template <class Spec>
HWY_INLINE Floats choose_candidate(LatticeTile<Spec>& tile, Floats start) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    const Floats zero = hn::Zero(d);
    Floats best = zero;
    Floats scale = start;
    Ints winner = hn::Set(di, -1);
    for (std::size_t c = 0; c < tile.candidates; ++c) {
        const Floats product = hn::Load(d, tile.products + c * lanes);
        const Floats square = hn::Load(d, tile.squares + c * lanes);
        const Mask better =
            hn::And(hn::Gt(square, zero), hn::Gt(hn::Mul(product, product), hn::Mul(best, square)));
        const Floats ratio = hn::Div(product, square);
        scale = hn::IfThenElse(better, ratio, scale);
        best = hn::IfThenElse(better, hn::Mul(ratio, product), best);
        winner = hn::IfThenElse(hn::RebindMask(di, better),
                                hn::Set(di, static_cast<std::int32_t>(c)), winner);
    }
    HWY_ALIGN std::int32_t winners[max_lanes];
    hn::Store(winner, di, winners);
    const std::int32_t lowest = Spec::starts_on_grid ? 0 : off_grid_bit;
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        for (std::size_t group = 0; group < tile.groups; ++group) {
            const std::size_t at = group * lanes + lane;
            const std::size_t from = static_cast<std::size_t>(winners[lane]) * tile.groups * lanes;
            tile.best_words[at] = winners[lane] < 0 ? lowest : tile.words[from + at];
        }
    }
    return scale;
}

/// Rounds groups again with the scale that was found and fits the scale to the result.
template <class Spec>
HWY_INLINE Floats refit(const LatticeGrid& grid, LatticeTile<Spec>& tile, Floats scale,
                        Mask active) {
    const FloatTag d;
    const IntTag di;
    const std::size_t lanes = hn::Lanes(d);
    Ints any_off_grid = hn::Zero(di);
    for (std::size_t group = 0; group < tile.groups; ++group) {
        any_off_grid = hn::Or(any_off_grid, hn::Load(di, tile.best_words + group * lanes));
    }
    Mask wanted = hn::And(active, hn::Gt(scale, hn::Zero(d)));
    if (Spec::refit != Refit::always) {
        wanted = hn::And(wanted, hn::RebindMask(d, hn::Lt(any_off_grid, hn::Zero(di))));
    }
    if (hn::AllFalse(d, wanted)) return scale;
    const Floats inverse_scale = hn::Div(hn::Set(d, 1.0f), scale);
    hn::Store(scale, d, tile.scales);
    for (std::size_t group = 0; group < tile.groups; ++group) {
        std::int32_t* const words = tile.best_words + group * lanes;
        const Ints old = hn::Load(di, words);
        auto again = hn::RebindMask(di, wanted);
        if (Spec::refit == Refit::off_grid_groups) {
            again = hn::And(again, hn::Lt(old, hn::Zero(di)));
        }
        const Ints entry = look_up_group<Spec, false>(grid, tile, group, inverse_scale);
        hn::Store(hn::IfThenElse(again, entry, old), di, words);
        std::uint8_t missing[8] = {};
        hn::StoreMaskBits(di, hn::And(hn::Lt(entry, hn::Zero(di)), again), missing);
        for (unsigned bits = missing[0] | missing[1] << 8; bits != 0; bits &= bits - 1) {
            const auto lane = static_cast<std::size_t>(std::countr_zero(bits));
            const std::int32_t missed = words[lane];
            const bool fits = unpack_list(missed).count <= lanes;
            const auto find = fits ? find_neighbour<Spec, false> : find_neighbour<Spec, true>;
            words[lane] =
                find(grid, tile, lane, group, tile.scales[lane], missed, 0.0f, tile.failed[lane])
                    .word;
        }
    }
    sum_points(tile, tile.best_words, tile.best_words, tile.products, tile.squares, 0);
    const Floats square = hn::Load(d, tile.squares);
    const Mask better = hn::And(wanted, hn::Gt(square, hn::Zero(d)));
    return hn::IfThenElse(better, hn::Div(hn::Load(d, tile.products), square), scale);
}

/// Writes the results of the tile's first `used` lanes as sub-blocks `first` on.
template <class Spec>
HWY_INLINE void store_fits(const LatticeTile<Spec>& tile, std::size_t first, std::size_t used,
                           const LatticeFits& fits) {
    const std::size_t lanes = hn::Lanes(FloatTag());
    for (std::size_t lane = 0; lane < used; ++lane) {
        const std::size_t to = first + lane;
        const bool active = tile.active[lane] != 0;
        float scale = tile.best_scale[lane];
        auto signs = static_cast<std::uint32_t>(tile.signs[lane]);
        if (scale < 0) {  // scales are stored without a sign
            scale = -scale;
            signs = ~signs;
        }
        if (tile.failed[lane]) scale = std::numeric_limits<float>::quiet_NaN();
        fits.scales[to] = active ? scale : 0.0f;
        fits.signs[to] = active ? signs : 0;
        for (std::size_t group = 0; group < tile.groups; ++group) {
            const auto word =
                static_cast<std::uint16_t>(tile.best_words[group * lanes + lane] & 0xFFFF);
            // Lanes with nothing to fit get the point of lowest levels, which every grid has.
            fits.words[to * tile.groups + group] = active ? word : std::uint16_t{0};
        }
    }
}

template <class Spec>
HWY_INLINE void fit_tile(const LatticeGrid& grid, LatticeTile<Spec>& tile) {
    const FloatTag d;
    const IntTag di;
    const Floats zero = hn::Zero(d);
    const Floats maximum = hn::Load(d, tile.maximum);
    Mask active = hn::RebindMask(d, hn::Lt(hn::Load(di, tile.active), hn::Zero(di)));
    Floats divisor = maximum;
    Floats scale = hn::Div(maximum, hn::Set(d, static_cast<float>(2 * Spec::levels - 1)));
    if constexpr (Spec::centre == Centre::positive_fit) {
        scale = fit_positive(tile);
        divisor = hn::Mul(scale, hn::Set(d, static_cast<float>(Spec::levels)));
        active = hn::AndNot(hn::Le(divisor, zero), active);
        divisor = hn::IfThenElse(active, divisor, hn::Set(d, 1.0f));
        hn::Store(hn::VecFromMask(di, hn::RebindMask(di, active)), di, tile.active);
    }
    if (hn::AllFalse(d, active)) return;
    sweep(grid, tile, divisor, active);
    scale = choose_candidate(tile, scale);
    scale = refit(grid, tile, scale, active);
    hn::Store(scale, d, tile.best_scale);
}

template <class Spec>
HWY_INLINE void fit_blocks(const LatticeGrid& grid, const float* values, const float* importance,
                           const float* variances, std::size_t block_count,
                           const LatticeFits& fits) {
    const std::size_t lanes = hn::Lanes(FloatTag());
    const std::size_t count = block_count * (lattice_block / Spec::sub_block);
    LatticeTile<Spec> tile;
    for (std::size_t first = 0; first < count; first += lanes) {
        const std::size_t used = std::min(lanes, count - first);
        load_lattice_tile(values, importance, variances, first, used, tile);
        fit_tile(grid, tile);
        store_fits(tile, first, used, fits);
    }
}

void fit_iq2_xxs(const LatticeGrid& grid, const float* values, const float* importance,
                 const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq2XxsSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq2_xs(const LatticeGrid& grid, const float* values, const float* importance,
                const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq2XsSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq2_s(const LatticeGrid& grid, const float* values, const float* importance,
               const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq2SSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq3_xxs(const LatticeGrid& grid, const float* values, const float* importance,
                 const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq3XxsSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq3_s(const LatticeGrid& grid, const float* values, const float* importance,
               const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq3SSpec>(grid, values, importance, variances, block_count, fits);
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit_iq2_xxs);
HWY_EXPORT(fit_iq2_xs);
HWY_EXPORT(fit_iq2_s);
HWY_EXPORT(fit_iq3_xxs);
HWY_EXPORT(fit_iq3_s);

namespace {

/// Super-blocks whose sums of squares are taken side by side: each sum is one chain of additions.
constexpr std::size_t variance_batch = 8;

/// The variances of up to variance_batch super-blocks, times `factor`.
void compute_variances(const float* values, std::size_t count, float factor, float* variances) {
    float sums[variance_batch] = {};
    for (std::size_t i = 0; i < lattice_block; ++i) {
        for (std::size_t b = 0; b < count; ++b) {
            const float x = values[b * lattice_block + i];
            sums[b] += x * x;
        }
    }
    for (std::size_t b = 0; b < count; ++b) {
        variances[b] = factor * sums[b] / static_cast<float>(lattice_block);
    }
}

}  // namespace

void fit_lattice(LatticeType type, const LatticeGrid& grid, const float* values,
                 const float* importance, std::size_t block_count, const LatticeFits& fits) {
    const bool three_bits = type == LatticeType::iq3_xxs || type == LatticeType::iq3_s;
    const float factor = three_bits || type == LatticeType::iq2_s ? 2.0f : 1.0f;
    std::vector<float> variances(block_count);
    for (std::size_t b = 0; b < block_count; b += variance_batch) {
        const std::size_t count = std::min(variance_batch, block_count - b);
        compute_variances(values + b * lattice_block, count, factor, &variances[b]);
    }
    const auto fit = [&](auto function) {
        function(grid, values, importance, variances.data(), block_count, fits);
    };
    switch (type) {
        case LatticeType::iq2_xxs:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq2_xxs));
        case LatticeType::iq2_xs:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq2_xs));
        case LatticeType::iq2_s:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq2_s));
        case LatticeType::iq3_xxs:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq3_xxs));
        case LatticeType::iq3_s:
            return fit(HWY_DYNAMIC_DISPATCH(fit_iq3_s));
    }
}

}  // namespace quantize::kernels
#endif

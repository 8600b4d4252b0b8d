// The neighbours for a whole sweep of scales. Compiled once per target.
//
// As the scale changes, a group stays at the same point off the grid for a run of candidates. Most
// runs have one nearest neighbour throughout, which the lines at both ends show; others are split
// where the lowest lines of both ends cross. What is too near to call is searched. Runs are listed
// by the length of their lists of neighbours and handled without branches, since the processor
// cannot guess the outcome.
#if defined(QUANTIZE_KERNELS_LATTICE_RUNS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_LATTICE_RUNS_INL_H_
#undef QUANTIZE_KERNELS_LATTICE_RUNS_INL_H_
#else
#define QUANTIZE_KERNELS_LATTICE_RUNS_INL_H_
#endif

#include <hwy/cache_control.h>

#include <bit>

#include "kernels/lattice_lines-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// Set in a word beside the levels: the point was off the grid and is a neighbour.
inline constexpr std::int32_t off_grid_bit = INT32_MIN;

template <class Spec>
class RunSearch {
 public:
    /// Replaces the entries of `tile.words` that are lists by words of neighbours.
    HWY_INLINE void resolve(const LatticeGrid& grid, LatticeTile<Spec>& tile, Mask active) {
        mark_runs(tile, active);
        list_runs(grid, tile);
        settle_runs(grid, tile, runs_[0], counts_[0], compare_one<Spec>);
        settle_runs(grid, tile, runs_[1], counts_[1], compare_two<Spec>);
        settle_runs(grid, tile, runs_[2], counts_[2], compare_many<Spec>);
        search_rest(grid, tile);
        fill_runs(tile);
    }

 private:
    using Tile = LatticeTile<Spec>;
    static constexpr std::size_t most_runs = Tile::candidates * Tile::groups * max_lanes;

    /// A run: its first and last candidate and its column, which is group * lanes + lane.
    struct Run {
        std::uint8_t first, last;
        std::uint16_t column;
    };

    /// Finds the candidates at which a group moves, and those at which it moves off the grid.
    HWY_INLINE void mark_runs(const Tile& tile, Mask active) {
        const FloatTag d;
        const IntTag di;
        const std::size_t lanes = hn::Lanes(di);
        const Ints wanted = hn::VecFromMask(di, hn::RebindMask(di, active));
        for (std::size_t group = 0; group < tile.groups; ++group) {
            const std::size_t column = group * lanes;
            Ints moves = hn::Zero(di);
            Ints starts = hn::Zero(di);
            Ints before = hn::Zero(di);
            Ints bit = hn::Set(di, 1);
            for (std::size_t c = 0; c < tile.candidates; ++c) {
                const Ints entry = hn::Load(di, tile.words + c * tile.groups * lanes + column);
                const Ints moved = hn::AndNot(hn::VecFromMask(di, hn::Eq(entry, before)), bit);
                const Ints off_grid = hn::VecFromMask(di, hn::Lt(entry, hn::Zero(di)));
                moves = hn::Or(moves, moved);
                starts = hn::Or(starts, hn::And(moved, off_grid));
                bit = hn::Add(bit, bit);
                before = entry;
            }
            hn::Store(hn::BitCast(di, moves), di, moves_ + column);
            hn::Store(hn::And(starts, wanted), di, starts_ + column);
            hn::Store(line_tolerance(tile, group), d, tolerances_ + column);
        }
    }

    /// Lists the runs off the grid, apart by the number of vectors in their lists: 1, 2, more.
    HWY_INLINE void list_runs(const LatticeGrid& grid, const Tile& tile) {
        const std::size_t lanes = hn::Lanes(IntTag());
        const std::size_t columns = tile.groups * lanes;
        counts_[0] = counts_[1] = counts_[2] = rest_count_ = 0;
        for (std::size_t column = 0; column < columns; ++column) {
            auto starts = static_cast<std::uint32_t>(starts_[column]);
            if (starts == 0) continue;
            compute_lines(tile, column % lanes, column / lanes, lines_[column]);
            const bool has_tolerance = tolerances_[column] >= 0;
            // A bit behind the last candidate ends the last run.
            const auto moves = static_cast<std::uint32_t>(moves_[column]) | 1u << tile.candidates;
            for (; starts != 0; starts &= starts - 1) {
                const int first = std::countr_zero(starts);
                const int last = first + std::countr_zero(moves >> first >> 1);
                const Run run = make_run(first, last, column);
                const NeighbourList list = unpack_list(tile.words[place_of(run)]);
                hwy::Prefetch(grid.neighbours + list.begin);
                if (HWY_UNLIKELY(!has_tolerance)) {
                    for (int c = first; c <= last; ++c)
                        rest_[rest_count_++] = make_run(c, c, column);
                    continue;
                }
                const std::size_t length = (list.count > lanes) + (list.count > 2 * lanes);
                runs_[length][counts_[length]++] = run;
            }
        }
    }

    /// Settles runs by the lines at their ends, and splits those that this leaves open until
    /// nothing is left but single candidates to be searched.
    template <class Compare>
    HWY_INLINE void settle_runs(const LatticeGrid& grid, Tile& tile, const Run* runs,
                                std::size_t count, Compare compare) {
        const std::size_t lanes = hn::Lanes(IntTag());
        for (Run* next = split_[0]; count != 0;) {
            std::size_t next_count = 0;
            for (std::size_t r = 0; r < count; ++r) {
                const Run run = runs[r];
                const std::size_t lane = run.column % lanes;
                std::int32_t& word = tile.words[place_of(run)];
                const NeighbourList list = unpack_list(word);
                const Stretch stretch{
                    grid.neighbours + list.begin, list.count, tile.scales[run.last * lanes + lane],
                    tile.scales[run.first * lanes + lane], tolerances_[run.column]};
                const Ends ends = compare(lines_[run.column], stretch, heights_);
                word = ends.sure ? stretch.words[ends.low] | off_grid_bit : word;
                const int middle = run.first + find_crossing(stretch, ends, run.last - run.first);
                const bool splits = !ends.sure & (run.last > run.first);
                next[next_count] = make_run(run.first, middle, run.column);
                next[next_count + 1] = make_run(middle + 1, run.last, run.column);
                next_count += splits ? 2 : 0;
                rest_[rest_count_] = run;
                rest_count_ += !ends.sure & !splits;
            }
            runs = next;
            count = next_count;
            next = next == split_[0] ? split_[1] : split_[0];
        }
    }

    /// The last of the steps 0 .. `steps` - 1 between a run's candidates at which the line that is
    /// lowest at its first one is still lower than that which is lowest at its last one. (A wrong
    /// answer would cost time, no more.)
    HWY_INLINE int find_crossing(const Stretch& stretch, const Ends& ends, int steps) const {
        const float gap_first = heights_.high[ends.low] - heights_.high[ends.high];
        const float gap_last = heights_.low[ends.high] - heights_.low[ends.low];
        // Candidates are evenly spaced in the inverse of the scale.
        const float first = gap_first * stretch.low;
        const float crossing =
            static_cast<float>(steps) * first / (first + gap_last * stretch.high);
        const float limit = static_cast<float>(steps - 1);
        const float held = crossing < limit ? crossing : limit;
        return ends.low == ends.high ? steps / 2 : static_cast<int>(held > 0.0f ? held : 0.0f);
    }

    /// Searches what is still open.
    HWY_INLINE void search_rest(const LatticeGrid& grid, Tile& tile) {
        const std::size_t lanes = hn::Lanes(IntTag());
        for (std::size_t r = 0; r < rest_count_; ++r) {
            const std::size_t lane = rest_[r].column % lanes;
            std::int32_t& word = tile.words[place_of(rest_[r])];
            const float scale = tile.scales[rest_[r].first * lanes + lane];
            word = off_grid_bit | find_neighbour(grid, tile, lane, rest_[r].column / lanes, scale,
                                                 word, tile.failed[lane]);
        }
    }

    /// Gives entries inside a settled run the word of the candidate before.
    static HWY_INLINE void fill_runs(Tile& tile) {
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

    static HWY_INLINE Run make_run(int first, int last, std::size_t column) {
        return {static_cast<std::uint8_t>(first), static_cast<std::uint8_t>(last),
                static_cast<std::uint16_t>(column)};
    }

    /// Where the word of a run's first candidate is.
    static HWY_INLINE std::size_t place_of(Run run) {
        return run.first * Tile::groups * hn::Lanes(IntTag()) + run.column;
    }

    LineTables lines_[Tile::groups * max_lanes + 1];  ///< by column; the last may be read beyond
    HWY_ALIGN float tolerances_[Tile::groups * max_lanes];
    /// By column, one bit per candidate: the entry differs from that of the candidate before; it
    /// does and is off the grid.
    HWY_ALIGN std::int32_t moves_[Tile::groups * max_lanes];
    HWY_ALIGN std::int32_t starts_[Tile::groups * max_lanes];
    LineHeights heights_;
    Run runs_[3][most_runs];
    std::size_t counts_[3];
    Run split_[2][most_runs + 2];
    Run rest_[most_runs + 1];  ///< single candidates to be searched
    std::size_t rest_count_;
};

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

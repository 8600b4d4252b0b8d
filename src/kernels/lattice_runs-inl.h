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

    /// A run: the entry of the map, the first and last candidate, and the column, which is
    /// group * lanes + lane. In one number, which is written and read at once.
    class Run {
     public:
        Run() = default;
        HWY_INLINE Run(std::int32_t entry, std::size_t first, std::size_t last, std::size_t column)
            : bits_(static_cast<std::uint32_t>(entry) | first << 32 | last << 40 | column << 48) {}
        HWY_INLINE std::int32_t entry() const { return static_cast<std::int32_t>(bits_); }
        HWY_INLINE std::size_t first() const { return bits_ >> 32 & 255u; }
        HWY_INLINE std::size_t last() const { return bits_ >> 40 & 255u; }
        HWY_INLINE std::size_t column() const { return bits_ >> 48; }

     private:
        std::uint64_t bits_;
    };

    /// A run whose ends left it open.
    struct OpenRun {
        Run run;
        /// How much higher at each end the line is that is lowest at the other.
        float gap_first, gap_last;
        std::uint16_t at_first, at_last;  ///< the neighbours that the ends have, as places
        std::uint8_t middle;              ///< the last candidate before the lines cross
        bool certain;                     ///< no other neighbour comes near at the ends
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
                const auto first = static_cast<std::size_t>(std::countr_zero(starts));
                const std::size_t last =
                    first + static_cast<std::size_t>(std::countr_zero(moves >> first >> 1));
                const std::int32_t entry = tile.words[first * columns + column];
                const NeighbourList list = unpack_list(entry);
                hwy::Prefetch(grid.neighbours + list.begin);
                if (HWY_UNLIKELY(!has_tolerance)) {
                    for (std::size_t c = first; c <= last; ++c)
                        rest_[rest_count_++] = Run(entry, c, c, column);
                    continue;
                }
                const std::size_t length = (list.count > lanes) + (list.count > 2 * lanes);
                runs_[length][counts_[length]++] = Run(entry, first, last, column);
            }
        }
    }

    /// Settles runs by the lines at their ends; where these differ, by those on both sides of their
    /// crossing. What that leaves open is cut in two, until nothing is left but single candidates
    /// to be searched.
    template <class Compare>
    HWY_INLINE void settle_runs(const LatticeGrid& grid, Tile& tile, const Run* runs,
                                std::size_t count, Compare compare) {
        while (count != 0) {
            const std::size_t open = compare_ends(grid, tile, runs, count, compare);
            find_crossings(tile, open);
            count = compare_crossings(grid, tile, open, compare);
            runs = halves_;
        }
    }

    /// The scales of candidates `first` and `last`, with what run says of the rest.
    HWY_INLINE Stretch stretch_of(const LatticeGrid& grid, const Tile& tile, Run run,
                                  std::size_t first, std::size_t last) const {
        const std::size_t lanes = hn::Lanes(IntTag());
        const std::size_t lane = run.column() % lanes;
        const NeighbourList list = unpack_list(run.entry());
        return {grid.neighbours + list.begin, list.count, tile.scales[last * lanes + lane],
                tile.scales[first * lanes + lane], tolerances_[run.column()]};
    }

    /// Looks at the ends of runs. Returns how many are left in `open_`, single candidates not
    /// counted, which go to `rest_`.
    template <class Compare>
    HWY_INLINE std::size_t compare_ends(const LatticeGrid& grid, Tile& tile, const Run* runs,
                                        std::size_t count, Compare compare) {
        std::size_t open = 0;
        for (std::size_t r = 0; r < count; ++r) {
            const Run run = runs[r];
            const Stretch stretch = stretch_of(grid, tile, run, run.first(), run.last());
            const Ends ends = compare(lines_[run.column()], stretch, heights_);
            const std::int32_t found = stretch.words[ends.high] | off_grid_bit;
            const bool single = run.first() == run.last();
            const bool settled = ends.certain & (ends.low == ends.high);
            // Also right when another neighbour takes over in the course of the run.
            const std::int32_t uncertain = static_cast<std::int32_t>(ends.certain) - 1;
            tile.words[place_of(run, run.first())] = found ^ ((found ^ run.entry()) & uncertain);
            open_[open] = {run,
                           heights_.high[ends.low] - heights_.high[ends.high],
                           heights_.low[ends.high] - heights_.low[ends.low],
                           static_cast<std::uint16_t>(ends.high),
                           static_cast<std::uint16_t>(ends.low),
                           0,
                           ends.certain};
            rest_[rest_count_] = run;
            rest_count_ += !settled & single;
            open += !settled & !single;
        }
        return open;
    }

    /// Finds the candidates between which the lines cross that are lowest at the ends. (An error
    /// costs time, no more.)
    HWY_INLINE void find_crossings(const Tile& tile, std::size_t open) {
        const std::size_t lanes = hn::Lanes(IntTag());
        for (std::size_t r = 0; r < open; ++r) {
            const Run run = open_[r].run;
            const std::size_t lane = run.column() % lanes;
            const auto steps =
                static_cast<float>(static_cast<int>(run.last()) - static_cast<int>(run.first()));
            // Candidates are evenly spaced in the inverse of the scale.
            const float from = open_[r].gap_first * tile.scales[run.last() * lanes + lane];
            const float to = open_[r].gap_last * tile.scales[run.first() * lanes + lane];
            const float crossing = from + to > 0 ? steps * from / (from + to) : 0.5f * steps;
            const float held = crossing < steps - 1 ? crossing : steps - 1;
            open_[r].middle = static_cast<std::uint8_t>(static_cast<int>(run.first()) +
                                                        static_cast<int>(held > 0 ? held : 0.0f));
        }
    }

    /// Looks at both sides of the crossings. Where they have the neighbours that the ends have, so
    /// has all between; else the run is cut there. Returns the number of halves.
    template <class Compare>
    HWY_INLINE std::size_t compare_crossings(const LatticeGrid& grid, Tile& tile, std::size_t open,
                                             Compare compare) {
        std::size_t halves = 0;
        for (std::size_t r = 0; r < open; ++r) {
            const OpenRun& at = open_[r];
            const std::size_t middle = at.middle;
            const Stretch stretch = stretch_of(grid, tile, at.run, middle, middle + 1);
            const Ends ends = compare(lines_[at.run.column()], stretch, heights_);
            const bool settled =
                at.certain & ends.certain & (ends.high == at.at_first) & (ends.low == at.at_last);
            // The first candidate has its word already.
            const std::int32_t found = stretch.words[ends.low] | off_grid_bit;
            const std::int32_t unsettled = static_cast<std::int32_t>(settled) - 1;
            tile.words[place_of(at.run, middle + 1)] =
                found ^ ((found ^ at.run.entry()) & unsettled);
            halves_[halves] = Run(at.run.entry(), at.run.first(), middle, at.run.column());
            halves_[halves + 1] = Run(at.run.entry(), middle + 1, at.run.last(), at.run.column());
            halves += settled ? 0 : 2;
        }
        return halves;
    }

    /// Searches what is still open.
    HWY_INLINE void search_rest(const LatticeGrid& grid, Tile& tile) {
        const std::size_t lanes = hn::Lanes(IntTag());
        for (std::size_t r = 0; r < rest_count_; ++r) {
            const std::size_t lane = rest_[r].column() % lanes;
            std::int32_t& word = tile.words[place_of(rest_[r], rest_[r].first())];
            const float scale = tile.scales[rest_[r].first() * lanes + lane];
            word = off_grid_bit | find_neighbour(grid, tile, lane, rest_[r].column() / lanes, scale,
                                                 rest_[r].entry(), tile.failed[lane]);
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

    /// Where the word of a candidate of a run's column is.
    static HWY_INLINE std::size_t place_of(Run run, std::size_t candidate) {
        return candidate * Tile::groups * hn::Lanes(IntTag()) + run.column();
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
    OpenRun open_[most_runs + 1];
    Run halves_[most_runs + 2];
    Run rest_[most_runs + 1];  ///< single candidates to be searched
    std::size_t rest_count_;
};

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

// Building the grids: codes, words, map and neighbour lists from the bare tables.
//
// A grid is built when the first block of its type is encoded and takes some hundredths of a second
// of one core, too little for threads of its own (docs/types.md has times and sizes). The levels
// are summed in an order that compilers vectorise.
#include "formats/iq_grids.h"

#include <algorithm>

#include "formats/iq_grid_tables.h"

namespace quantize::formats {
namespace {

/// What makes one grid: its table, and how many shells (distinct distances) of neighbours belong
/// to a point that is not on it.
struct GridSpec {
    std::span<const std::uint16_t> points;
    unsigned dims;
    unsigned levels;
    unsigned bits;  ///< per level in the table
    unsigned shells;
};

/// The largest squared distance of two points: 8 x 2^2 or 4 x 7^2.
constexpr std::size_t max_distance = 196;

std::uint32_t field_of(const GridSpec& spec, unsigned coordinate, unsigned level) {
    const unsigned odd = spec.levels == 3 ? coordinate & 1u : 0u;
    return (level + 4 * odd) << (4 * coordinate);
}

/// Levels by coordinate, then by point: the order in which distances are summed.
std::vector<std::int16_t> transpose(const Grid& grid) {
    const std::size_t size = grid.words.size();
    std::vector<std::int16_t> out(grid.point_levels.size());
    for (std::size_t p = 0; p < size; ++p) {
        for (unsigned i = 0; i < grid.dims; ++i) {
            // NOLINTNEXTLINE(bugprone-signed-char-misuse,cert-str34-c): a number, no character
            out[i * size + p] = grid.point_levels[p * grid.dims + i];
        }
    }
    return out;
}

/// Squared distances of the point `code` to all points of the grid.
void measure_distances(const Grid& grid, const std::vector<std::int16_t>& by_coordinate,
                       std::uint32_t code, std::vector<std::int16_t>& distances) {
    const std::size_t size = grid.words.size();
    std::ranges::fill(distances, std::int16_t{0});
    for (unsigned i = 0; i < grid.dims; ++i) {
        const auto level = static_cast<std::int16_t>(code % grid.levels);
        code /= grid.levels;
        const std::int16_t* row = &by_coordinate[i * size];
        for (std::size_t p = 0; p < size; ++p) {
            const int difference = row[p] - level;
            distances[p] = static_cast<std::int16_t>(distances[p] + difference * difference);
        }
    }
}

/// Appends the list of the point with these distances: all points of the nearest `shells` shells,
/// ordered by distance, then index. (A counting sort, stable by construction.)
void append_list(Grid& grid, unsigned shells, const std::vector<std::int16_t>& distances) {
    std::array<std::uint16_t, max_distance + 1> counts{};
    for (const std::int16_t distance : distances)
        ++counts[static_cast<std::size_t>(distance)];
    std::array<std::uint32_t, max_distance + 1> next{};
    NeighbourList list{static_cast<std::uint32_t>(grid.neighbours.size()), 0};
    std::size_t beyond = 0;  // the first distance that is too far
    for (unsigned found = 0; beyond <= max_distance && found < shells; ++beyond) {
        next[beyond] = list.begin + list.count;
        list.count += counts[beyond];
        found += counts[beyond] != 0;
    }
    const std::size_t padded = (list.count + neighbour_padding - 1) / neighbour_padding;
    grid.neighbours.resize(list.begin + padded * neighbour_padding);
    for (std::size_t p = 0; p < distances.size(); ++p) {
        const auto distance = static_cast<std::size_t>(distances[p]);
        if (distance < beyond) grid.neighbours[next[distance]++] = static_cast<std::uint16_t>(p);
    }
    std::fill(grid.neighbours.begin() + list.begin + list.count, grid.neighbours.end(),
              grid.neighbours[list.begin + list.count - 1]);
    grid.lists.push_back(list);
}

/// Packs map and lists for the searches of kernels/lattice.h.
void pack_for_search(Grid& grid) {
    constexpr std::size_t alignment = kernels::short_list_alignment;
    for (const std::int32_t entry : grid.map) {
        if (entry >= 0) {
            grid.short_map.push_back(grid.short_word(static_cast<std::uint32_t>(entry)));
            continue;
        }
        const NeighbourList list = grid.lists[static_cast<std::size_t>(-1 - entry)];
        grid.short_map.push_back(kernels::pack_list(
            {static_cast<std::uint32_t>(grid.short_neighbours.size()), list.count}));
        const std::size_t padded = (list.count + alignment - 1) / alignment * alignment;
        for (std::size_t n = 0; n < padded; ++n) {
            grid.short_neighbours.push_back(grid.short_word(grid.neighbour_words[list.begin + n]));
        }
    }
    // The last list may be read a whole vector at a time, too.
    grid.short_neighbours.resize(grid.short_neighbours.size() + neighbour_padding);
    grid.short_neighbours.shrink_to_fit();
}

Grid build(const GridSpec& spec) {
    Grid grid;
    grid.dims = spec.dims;
    grid.levels = spec.levels;
    std::size_t codes = 1;
    for (unsigned i = 0; i < spec.dims; ++i)
        codes *= spec.levels;
    grid.index_of_code.assign(codes, 0xFFFF);
    for (std::size_t p = 0; p < spec.points.size(); ++p) {
        std::uint32_t word = 0;
        for (unsigned i = 0; i < spec.dims; ++i) {
            const unsigned level = spec.points[p] >> (spec.bits * i) & ((1u << spec.bits) - 1);
            word |= field_of(spec, i, level);
            grid.point_levels.push_back(static_cast<std::int8_t>(level));
        }
        grid.words.push_back(word);
        grid.index_of_code[grid.code_of(word)] = static_cast<std::uint16_t>(p);
    }
    const std::vector<std::int16_t> by_coordinate = transpose(grid);
    std::vector<std::int16_t> distances(spec.points.size());
    grid.map.resize(codes);
    for (std::uint32_t code = 0; code < codes; ++code) {
        const std::uint16_t index = grid.index_of_code[code];
        if (index != 0xFFFF) {
            grid.map[code] = static_cast<std::int32_t>(grid.words[index]);
            continue;
        }
        grid.map[code] = -1 - static_cast<std::int32_t>(grid.lists.size());
        measure_distances(grid, by_coordinate, code, distances);
        append_list(grid, spec.shells, distances);
    }
    grid.neighbour_words.reserve(grid.neighbours.size());
    for (const std::uint16_t index : grid.neighbours) {
        grid.neighbour_words.push_back(grid.words[index]);
    }
    grid.neighbours.shrink_to_fit();
    pack_for_search(grid);
    return grid;
}

}  // namespace

std::size_t Grid::memory_bytes() const {
    return words.size() * sizeof(words[0]) + point_levels.size() + map.size() * sizeof(map[0]) +
           index_of_code.size() * sizeof(index_of_code[0]) + lists.size() * sizeof(lists[0]) +
           neighbours.size() * (sizeof(neighbours[0]) + sizeof(neighbour_words[0])) +
           short_map.size() * sizeof(short_map[0]) +
           short_neighbours.size() * sizeof(short_neighbours[0]);
}

const Grid& iq1_grid() {
    static const Grid grid = build({tables::iq1_points, 8, 3, 2, 3});
    return grid;
}
const Grid& iq2_xxs_grid() {
    static const Grid grid = build({tables::iq2_xxs_points, 8, 3, 2, 2});
    return grid;
}
const Grid& iq2_xs_grid() {
    static const Grid grid = build({tables::iq2_xs_points, 8, 3, 2, 2});
    return grid;
}
const Grid& iq2_s_grid() {
    static const Grid grid = build({tables::iq2_s_points, 8, 3, 2, 1});
    return grid;
}
const Grid& iq3_xxs_grid() {
    static const Grid grid = build({tables::iq3_xxs_points, 4, 8, 3, 2});
    return grid;
}
const Grid& iq3_s_grid() {
    static const Grid grid = build({tables::iq3_s_points, 4, 8, 3, 3});
    return grid;
}

}  // namespace quantize::formats

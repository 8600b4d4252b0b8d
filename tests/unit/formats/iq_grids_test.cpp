// The code tables of the IQ1, IQ2 and IQ3 types, and the maps and neighbour lists made from them.
#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "formats/iq_grid_tables.h"
#include "formats/iq_grids.h"
#include "sha256.h"

namespace quantize::test {
namespace {

using formats::Grid;

struct KnownGrid {
    std::string name;
    std::span<const std::uint16_t> table;
    const Grid& (*grid)();
    unsigned dims;
    unsigned levels;
    unsigned shells;     ///< distinct distances that a list holds
    std::string sha256;  ///< of the table
};

std::vector<KnownGrid> known_grids() {
    namespace t = formats::tables;
    return {
        {"IQ1", t::iq1_points, formats::iq1_grid, 8, 3, 3,
         "e9ffebfc997ad6023063a667c0bf4eedd8ebf7f56b3da399cbc7d1b1f7ea52c6"},
        {"IQ2_XXS", t::iq2_xxs_points, formats::iq2_xxs_grid, 8, 3, 2,
         "915952ebc4af8ddba8113583ca1316fc818843f7b825bbf1a25ae1c39bf0e16d"},
        {"IQ2_XS", t::iq2_xs_points, formats::iq2_xs_grid, 8, 3, 2,
         "f66435966ca8d64e9e4a6e3c91e64afcf9015e700ec85962f527283ebae207b9"},
        {"IQ2_S", t::iq2_s_points, formats::iq2_s_grid, 8, 3, 1,
         "e6e75e121b65e8afa5c1f92b71463cfbe217b83893f438acde22fd5db06a43f7"},
        {"IQ3_XXS", t::iq3_xxs_points, formats::iq3_xxs_grid, 4, 8, 2,
         "c9678803c61b2210fbd8cbbb3f965a835409cd7d88a04d086d236261bd221d11"},
        {"IQ3_S", t::iq3_s_points, formats::iq3_s_grid, 4, 8, 3,
         "353274c58dd7d8dc5ee960dc8fc54ff9164eaf2b49206b841cd49415cf393f81"},
    };
}

std::vector<int> levels_of_code(const Grid& grid, std::uint32_t code) {
    std::vector<int> levels(grid.dims);
    for (int& level : levels) {
        level = static_cast<int>(code % grid.levels);
        code /= grid.levels;
    }
    return levels;
}

int squared_distance(const Grid& grid, const std::vector<int>& levels, std::size_t point) {
    int sum = 0;
    for (unsigned i = 0; i < grid.dims; ++i) {
        const int difference = levels[i] - grid.point_levels[point * grid.dims + i];
        sum += difference * difference;
    }
    return sum;
}

/// Neighbours by definition: all points sorted by distance, then index, cut after the shells.
std::vector<std::uint16_t> expected_neighbours(const Grid& grid, const std::vector<int>& levels,
                                               unsigned shells) {
    std::vector<std::pair<int, std::uint16_t>> sorted;
    for (std::size_t p = 0; p < grid.words.size(); ++p) {
        sorted.emplace_back(squared_distance(grid, levels, p), static_cast<std::uint16_t>(p));
    }
    std::ranges::sort(sorted);
    std::vector<std::uint16_t> out;
    std::set<int> distances;
    for (const auto& [distance, point] : sorted) {
        distances.insert(distance);
        if (distances.size() > shells) break;
        out.push_back(point);
    }
    return out;
}

TEST_CASE("grid tables have their published content") {
    for (const KnownGrid& known : known_grids()) {
        INFO(known.name);
        CHECK(sha256(std::as_bytes(known.table)) == known.sha256);
        CHECK(std::ranges::is_sorted(known.table));
        CHECK(std::ranges::adjacent_find(known.table) == known.table.end());
        CHECK(known.table[0] == 0);
    }
}

TEST_CASE("grids know their points") {
    for (const KnownGrid& known : known_grids()) {
        INFO(known.name);
        const Grid& grid = known.grid();
        CHECK(grid.dims == known.dims);
        CHECK(grid.levels == known.levels);
        REQUIRE(grid.words.size() == known.table.size());
        const unsigned bits = known.levels == 3 ? 2 : 3;
        for (std::size_t p = 0; p < known.table.size(); ++p) {
            for (unsigned i = 0; i < known.dims; ++i) {
                const unsigned level = known.table[p] >> (bits * i) & ((1u << bits) - 1);
                REQUIRE(level < known.levels);
                REQUIRE(grid.level_of(grid.words[p], i) == level);
                REQUIRE(grid.point_levels[p * known.dims + i] == static_cast<int>(level));
            }
            REQUIRE(grid.index_of(grid.words[p]) == p);
            REQUIRE(grid.index_of_short(grid.short_word(grid.words[p])) == p);
            const std::uint32_t code = grid.code_of(grid.words[p]);
            REQUIRE(grid.map[code] == static_cast<std::int32_t>(grid.words[p]));
            REQUIRE(grid.short_map[code] == grid.short_word(grid.words[p]));
        }
        CHECK(grid.lists.size() + grid.words.size() == grid.map.size());
    }
}

TEST_CASE("neighbours are the nearest shells, nearest first, then by index") {
    for (const KnownGrid& known : known_grids()) {
        INFO(known.name);
        const Grid& grid = known.grid();
        for (std::uint32_t code = 0; code < grid.map.size(); code += 7) {
            if (grid.map[code] >= 0) continue;
            const auto expected =
                expected_neighbours(grid, levels_of_code(grid, code), known.shells);
            const auto list = grid.lists[static_cast<std::size_t>(-1 - grid.map[code])];
            const std::span all(grid.neighbours);
            REQUIRE(std::ranges::equal(all.subspan(list.begin, list.count), expected));
            for (std::size_t n = 0; n < list.count; ++n) {
                REQUIRE(grid.neighbour_words[list.begin + n] == grid.words[expected[n]]);
            }
            const auto packed = kernels::unpack_list(grid.short_map[code]);
            REQUIRE(kernels::is_packed_list(grid.short_map[code]));
            REQUIRE(packed.count == list.count);
            REQUIRE(packed.count <= kernels::longest_list);
            for (std::size_t n = 0; n < packed.count; ++n) {
                REQUIRE(grid.short_neighbours[packed.begin + n] ==
                        grid.short_word(grid.words[expected[n]]));
            }
        }
    }
}

TEST_CASE("lists may be read a whole vector at a time") {
    for (const KnownGrid& known : known_grids()) {
        INFO(known.name);
        const Grid& grid = known.grid();
        for (const auto& list : grid.lists) {
            REQUIRE(list.begin % kernels::neighbour_padding == 0);
            const std::size_t end = list.begin + (list.count + 15) / 16 * 16;
            REQUIRE(end <= grid.neighbours.size());
            REQUIRE(grid.neighbours[end - 1] == grid.neighbours[list.begin + list.count - 1]);
        }
        for (const std::int32_t entry : grid.short_map) {
            if (entry >= 0) continue;
            const auto list = kernels::unpack_list(entry);
            REQUIRE(list.begin + (list.count + 15) / 16 * 16 <= grid.short_neighbours.size());
        }
        CHECK(grid.memory_bytes() < std::size_t{4} << 20);
    }
}

TEST_CASE("threads that ask at once get one grid") {
    std::vector<const Grid*> seen(8);
    std::vector<std::jthread> threads;
    for (const Grid*& grid : seen) {
        threads.emplace_back([&grid] { grid = &formats::iq3_xxs_grid(); });
    }
    threads.clear();
    CHECK(std::ranges::count(seen, seen[0]) == 8);
}

TEST_CASE("seven bits give eight signs of which an even number is set") {
    for (unsigned bits = 0; bits < 128; ++bits) {
        const unsigned signs = formats::even_signs(bits);
        CHECK((signs & 127u) == bits);
        CHECK(std::popcount(signs) % 2 == 0);
    }
}

}  // namespace
}  // namespace quantize::test

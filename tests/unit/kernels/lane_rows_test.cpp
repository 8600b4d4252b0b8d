// Rows side by side: what goes into lanes and comes back, and what searches and levels make of it,
// against the same values row by row, bit for bit, on every target.
#include "kernels/lane_rows.h"

#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <vector>

#include "fit_inputs.h"
#include "guarded_buffer.h"
#include "halves.h"
#include "kernels/fit.h"
#include "targets.h"

namespace quantize::kernels {
namespace {

using namespace inputs;
using test::GuardedBuffer;

/// lane_rows() rows of blocks, row by row, with importance for each value; room for them side by
/// side, which ends at memory that nobody may touch.
struct Rows {
    Rows(std::int64_t blocks_per_row, unsigned seed)
        : count(lane_rows()),
          blocks(blocks_per_row),
          cols(blocks * lane_block),
          input(make_input(lane_block, static_cast<int>(count * blocks), seed)),
          lanes(input.flat_values.size()),
          sums(static_cast<std::size_t>(count)) {}

    /// Where value c of row r stands.
    std::size_t place(std::int64_t r, std::int64_t c) const {
        return static_cast<std::size_t>(c * count + r);
    }

    std::int64_t count, blocks, cols;
    Input input;
    GuardedBuffer<float> lanes;
    GuardedBuffer<float> sums;
};

void check_lanes(Rows& rows) {
    for (std::int64_t r = 0; r < rows.count; ++r) {
        float sum = 0;
        for (std::int64_t c = 0; c < rows.cols; ++c) {
            const float v = rows.input.flat_values[static_cast<std::size_t>(r * rows.cols + c)];
            REQUIRE(std::bit_cast<std::uint32_t>(rows.lanes[rows.place(r, c)]) ==
                    std::bit_cast<std::uint32_t>(v));
            sum += v * v;
        }
        REQUIRE(rows.sums[static_cast<std::size_t>(r)] == sum);
    }
}

std::vector<float> variances(std::int64_t count) {
    std::vector<float> result;
    for (std::int64_t i = 0; i < count; ++i)
        result.push_back(std::ldexp(0.75f, static_cast<int>(i) - 8));
    return result;
}

/// Checks what searches find side by side against the blocks of rows one after the other, each
/// with its row's variance and with the importance that importance_of(row) begins with.
template <class ImportanceOf>
void check_fits(Rows& rows, Problems side_by_side, const ImportanceOf& importance_of) {
    const std::vector<float> variance = variances(rows.count);
    side_by_side.lanes = rows.lanes.data();
    side_by_side.count = rows.count * rows.blocks;
    side_by_side.size = lane_block;
    side_by_side.weighting = Weighting::importance_spread;
    side_by_side.variance = variance.data();
    const std::vector<float> found = sweep_all(side_by_side);
    const auto blocks = static_cast<std::size_t>(rows.blocks);
    const std::size_t all = blocks * static_cast<std::size_t>(rows.count);
    for (std::int64_t r = 0; r < rows.count; ++r) {
        const std::vector<float> own(blocks, variance[static_cast<std::size_t>(r)]);
        Problems row = rows.input.problems(Weighting::importance_spread);
        row.values = rows.input.flat_values.data() + r * rows.cols;
        row.count = rows.blocks;
        row.importance = importance_of(r);
        row.importance_period = rows.cols;
        row.variance = own.data();
        const std::vector<float> expected = sweep_all(row);
        for (std::size_t array = 0; array < 8; ++array) {
            std::vector<float> own_found;
            for (std::int64_t b = 0; b < rows.blocks; ++b)
                own_found.push_back(found[array * all + rows.place(r, b)]);
            INFO("row " << r << ", result " << array);
            REQUIRE(bits_of(own_found) == bits_of({expected.data() + array * blocks, blocks}));
        }
    }
}

}  // namespace

TEST_CASE("rows go side by side with the sums of their squares") {
    test::for_each_target([] {
        for (const std::int64_t blocks : {1, 2, 5, 16, 33}) {
            Rows rows(blocks, 3);
            INFO(blocks << " blocks in a row");
            rows_to_lanes(rows.input.flat_values.data(), rows.cols, rows.lanes.data(),
                          rows.sums.data());
            check_lanes(rows);
            Halves halves(rows.input.flat_values);
            std::ranges::fill(rows.lanes.span(), -1.0f);
            rows_to_lanes(halves.values(), rows.cols, rows.lanes.data(), rows.sums.data());
            check_lanes(rows);
        }
    });
}

TEST_CASE("what lies side by side goes back to rows") {
    test::for_each_target([] {
        for (const std::int64_t blocks : {4, 8, 16, 20}) {
            const auto count = static_cast<std::size_t>(blocks * lane_rows());
            GuardedBuffer<float> lanes(count), rows(count);
            for (std::size_t i = 0; i < count; ++i)
                lanes[i] = static_cast<float>(i);
            lanes_to_rows(lanes.data(), blocks, rows.data());
            for (std::size_t i = 0; i < count; ++i) {
                const auto r = static_cast<std::int64_t>(i) / blocks;
                const auto b = static_cast<std::int64_t>(i) % blocks;
                REQUIRE(rows[i] == static_cast<float>(b * lane_rows() + r));
            }
        }
    });
}

TEST_CASE("a row in F16 has a finite sum where all of its values are finite") {
    constexpr std::uint16_t others[] = {0x7C00, 0xFC00, 0x7E01, 0xFFFF};
    test::for_each_target([&] {
        Rows rows(3, 5);
        GuardedBuffer<std::uint16_t> words(rows.input.flat_values.size());
        const auto halves =
            StoredValues::of_halves(reinterpret_cast<const std::byte*>(words.data()));
        for (std::size_t at = 0; at <= words.size(); ++at) {
            std::ranges::fill(words.span(), std::uint16_t{0xFBFF});
            if (at < words.size()) words[at] = others[at % std::size(others)];
            rows_to_lanes(halves, rows.cols, rows.lanes.data(), rows.sums.data());
            for (std::size_t r = 0; r < rows.sums.size(); ++r) {
                const bool is_sound = at / static_cast<std::size_t>(rows.cols) != r;
                REQUIRE(std::isfinite(rows.sums[r]) == is_sound);
            }
        }
    });
}

TEST_CASE("searches find side by side what they find row by row") {
    test::for_each_target([] {
        for (const std::int64_t blocks : {1, 2, 3, 8, 17}) {
            Rows rows(blocks, static_cast<unsigned>(blocks));
            INFO(blocks << " blocks in a row");
            rows_to_lanes(rows.input.flat_values.data(), rows.cols, rows.lanes.data(),
                          rows.sums.data());
            const float* const weights = rows.input.flat_weights.data();
            Problems problems;
            problems.importance = weights;
            check_fits(rows, problems, [&](std::int64_t) { return weights; });

            GuardedBuffer<float> importance(rows.lanes.size());
            std::vector<const float*> begins;
            for (std::int64_t r = 0; r < rows.count; ++r)
                begins.push_back(weights + (rows.count - 1 - r) * rows.cols);
            rows_to_lanes(begins.data(), rows.cols, importance.data());
            problems.importance = nullptr;
            problems.lane_importance = importance.data();
            check_fits(rows, problems,
                       [&](std::int64_t r) { return begins[static_cast<std::size_t>(r)]; });
        }
    });
}

TEST_CASE("levels side by side are packed as they follow from a search") {
    constexpr LevelRange ranges[] = {{0, 15, 0}, {-8, 7, 8}, {0, 31, 0}, {-16, 15, 16}};
    test::for_each_target([&] {
        for (const std::int64_t blocks : {1, 2, 7}) {
            Rows rows(blocks, 11);
            rows_to_lanes(rows.input.flat_values.data(), rows.cols, rows.lanes.data(),
                          rows.sums.data());
            const auto count = static_cast<std::size_t>(rows.count * blocks);
            GuardedBuffer<float> inverse(count), base(count);
            GuardedBuffer<std::uint32_t> nibbles(4 * count), fifth_bits(count);
            for (std::size_t p = 0; p < count; ++p) {
                // Levels from none to beyond what a conversion to integers takes.
                inverse[p] = p % 5 == 0 ? 0.0f : std::ldexp(1.3f, static_cast<int>(p % 50) - 20);
                base[p] = p % 3 == 0 ? 0.0f : -0.1f * static_cast<float>(p);
            }
            for (const LevelRange range : ranges) {
                const bool has_fifth = range.highest - range.lowest > 15;
                pack_lane_levels(rows.lanes.data(), blocks, inverse.data(), base.data(), range,
                                 nibbles.data(), has_fifth ? fifth_bits.data() : nullptr);
                for (std::size_t p = 0; p < count; ++p) {
                    const auto block = static_cast<std::int64_t>(p) / rows.count;
                    const auto row = static_cast<std::int64_t>(p) % rows.count;
                    std::uint8_t levels[lane_block];
                    level_by_inverse(
                        rows.input.flat_values.data() + row * rows.cols + block * lane_block, 1,
                        lane_block, inverse.data() + p, base.data() + p, range, levels);
                    for (std::size_t i = 0; i < lane_block; ++i) {
                        const std::uint32_t word = nibbles[4 * p + i % 16 / 4];
                        std::uint32_t level = word >> (8 * (i % 4) + (i < 16 ? 0 : 4)) & 15u;
                        if (has_fifth) level |= (fifth_bits[p] >> i & 1u) << 4;
                        INFO("block " << block << " of row " << row << ", value " << i);
                        REQUIRE(level == levels[i]);
                    }
                }
            }
        }
    });
}

}  // namespace quantize::kernels

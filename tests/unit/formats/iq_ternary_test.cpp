// IQ1_S and IQ1_M: the search for a split against plain loops, the choice among neighbours, the
// layout of blocks, and blocks on which the reference aborts.
#include <algorithm>
#include <array>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <vector>

#include "base/float16.h"
#include "formats/families.h"
#include "formats/iq_grids.h"
#include "kernels/ternary.h"
#include "targets.h"

namespace quantize::test {
namespace {

using kernels::ternary_minus;
using kernels::ternary_plus;
using kernels::TernarySplit;

/// Sums of one trial.
struct Sums {
    float product = 0;
    float square = 0;
};

/// The sums of a sub-block of 32, from running sums over the sorted values.
Sums sum_up_32(std::span<const float> products, std::span<const float> weights, std::size_t first,
               std::size_t second, int shifts) {
    const float* level = shifts == 0 ? ternary_plus : ternary_minus;
    const std::size_t n = 32;
    return {(products[first] - products[0]) * level[0] +
                (products[second] - products[first]) * level[1] +
                (products[n] - products[second]) * level[2],
            (weights[first] - weights[0]) * level[0] * level[0] +
                (weights[second] - weights[first]) * level[1] * level[1] +
                (weights[n] - weights[second]) * level[2] * level[2]};
}

/// The split as plain loops; `n` is 32 or 16.
TernarySplit split_plainly(std::span<const float> values, std::span<const float> weights) {
    const std::size_t n = values.size();
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return values[i]; });
    std::vector<float> products{0.0f}, weight_sums{0.0f};
    for (const std::size_t i : order) {
        products.push_back(products.back() + weights[i] * values[i]);
        weight_sums.push_back(weight_sums.back() + weights[i]);
    }
    TernarySplit best{0, -1, {}};
    std::size_t best_first = 0, best_second = 0;
    const float limit = n == 32 ? 1e-12f : 1e-7f;
    if (std::ranges::all_of(values, [&](float v) { return std::fabs(v) < limit; })) return best;
    float merit = -FLT_MAX;
    const int choices = n == 32 ? 2 : 4;
    for (std::size_t first = 0; first <= n; ++first) {
        for (std::size_t second = first; second <= n; ++second) {
            for (int shifts = 0; shifts < choices; ++shifts) {
                Sums sums;
                if (n == 32) sums = sum_up_32(products, weight_sums, first, second, shifts);
                for (std::size_t j = 0; n == 16 && j < n; ++j) {
                    const std::size_t i = order[j];
                    const bool minus = (i < 8 ? shifts & 2 : shifts & 1) != 0;
                    const float level =
                        (minus ? ternary_minus : ternary_plus)[(j >= first) + (j >= second)];
                    sums.product += weights[i] * level * values[i];
                    sums.square += weights[i] * level * level;
                }
                if (sums.square > 0 && sums.product * sums.product > merit * sums.square) {
                    best.scale = sums.product / sums.square;
                    merit = best.scale * sums.product;
                    best.shifts = shifts;
                    best_first = first;
                    best_second = second;
                }
            }
        }
    }
    if (best.shifts < 0) return best;
    const bool mirrored = best.scale < 0;
    std::vector<int> levels(n);
    for (std::size_t j = 0; j < n; ++j) {
        const int level = (j >= best_first) + (j >= best_second);
        levels[order[j]] = mirrored ? 2 - level : level;
    }
    if (mirrored) {
        best.scale = -best.scale;
        best.shifts = choices - 1 - best.shifts;
    }
    for (std::size_t i = n; i-- > 0;) {
        std::uint16_t& code = best.codes[i / 8];
        code = static_cast<std::uint16_t>(code * 3 + levels[i]);
    }
    return best;
}

/// Sub-blocks of many kinds: many ties, zeros of both signs, any size; weights with zeros.
void make_subs(std::size_t n, std::vector<float>& values, std::vector<float>& weights,
               std::mt19937& random) {
    std::normal_distribution<float> normal;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t kind = i / n % 7;
        const float v = normal(random);
        values[i] = kind == 0   ? v * 0.02f
                    : kind == 1 ? std::round(v)
                    : kind == 2 ? (random() % 2 ? 0.0f : -0.0f) + (random() % 4 ? 0.0f : v)
                    : kind == 3 ? std::exp(4 * v) * (random() % 2 ? 1.0f : -1.0f)
                    : kind == 4 ? v * 1e-7f
                    : kind == 5 ? v * 1e-12f
                                : std::fabs(v);
        weights[i] = random() % 4 == 0 || i / n % 11 == 10 ? 0.0f : std::exp(v);
    }
}

template <class Split>
void check_split(std::size_t n, Split split) {
    constexpr std::size_t count = 155;
    std::mt19937 random(static_cast<unsigned>(n));
    std::vector<float> values(count * n), weights(count * n);
    make_subs(n, values, weights, random);
    for_each_target([&] {
        std::vector<TernarySplit> splits(count);
        split(values.data(), weights.data(), count, splits.data());
        std::size_t wrong = 0;
        for (std::size_t s = 0; s < count; ++s) {
            const TernarySplit expected = split_plainly(std::span(values).subspan(s * n, n),
                                                        std::span(weights).subspan(s * n, n));
            if (splits[s].shifts != expected.shifts) ++wrong;
            if (expected.shifts < 0) continue;
            wrong += splits[s].scale != expected.scale ||
                     !std::equal(expected.codes, expected.codes + n / 8, splits[s].codes);
        }
        CHECK(wrong == 0);
    });
}

std::vector<float> normal_values(std::size_t count, float scale, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> values(count);
    for (float& v : values)
        v = normal(random);
    return values;
}

std::vector<std::byte> encode(const Format& format, std::span<const float> values,
                              const float* weights) {
    std::vector<std::byte> blocks(row_bytes(format.type, values.size()));
    format.encode(values.data(), 1, static_cast<std::int64_t>(values.size()), weights,
                  blocks.data());
    return blocks;
}

std::vector<float> decode(const Format& format, std::span<const std::byte> blocks) {
    const std::size_t count = blocks.size() / type_info(format.type).block_bytes;
    std::vector<float> values(count * 256);
    format.decode(blocks.data(), static_cast<std::int64_t>(values.size()), values.data());
    return values;
}

/// Root of the mean squared error, relative to the values' own.
double relative_error(std::span<const float> values, std::span<const float> decoded) {
    double error = 0, norm = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        error += (double(values[i]) - decoded[i]) * (double(values[i]) - decoded[i]);
        norm += double(values[i]) * values[i];
    }
    return std::sqrt(error / norm);
}

constexpr std::array both{&formats::iq1_s, &formats::iq1_m};

}  // namespace

TEST_CASE("the split of 32 values into three levels equals plain loops", "[iq1]") {
    check_split(32, kernels::split_ternary_32);
}

TEST_CASE("the split of 16 values into three levels equals plain loops", "[iq1]") {
    check_split(16, kernels::split_ternary_16);
}

TEST_CASE("of a list of neighbours the first with the least error is taken", "[iq1]") {
    const formats::Grid& grid = formats::iq1_grid();
    std::mt19937 random(3);
    std::vector<float> values = normal_values(8 * 300, 1, 4);
    std::vector<float> weights(values.size());
    for (float& v : values)
        v = random() % 3 ? v : std::round(v);
    for (float& w : weights)
        w = static_cast<float>(random() % 3);  // ties by zero weights
    std::vector<kernels::TernaryQuery> queries;
    std::vector<std::int32_t> expected;
    for (std::size_t q = 0; q < values.size() / 8; ++q) {
        const formats::NeighbourList& list = grid.lists[random() % grid.lists.size()];
        const float* levels = q % 2 ? ternary_minus : ternary_plus;
        const float scale = 0.5f + static_cast<float>(q % 7) * 0.25f;
        queries.push_back({&grid.neighbour_words[list.begin], list.count, &values[8 * q],
                           &weights[8 * q], scale, levels});
        float least = FLT_MAX;
        expected.push_back(-1);
        for (std::uint32_t k = 0; k < list.count; ++k) {
            float error = 0;
            for (unsigned i = 0; i < 8; ++i) {
                const unsigned level = grid.level_of(grid.neighbour_words[list.begin + k], i);
                const float difference = scale * levels[level] - values[8 * q + i];
                error += weights[8 * q + i] * difference * difference;
            }
            if (error < least) {
                least = error;
                expected.back() = static_cast<std::int32_t>(k);
            }
        }
    }
    const float huge[8] = {1e30f, 1e30f, 1e30f, 1e30f, 1e30f, 1e30f, 1e30f, 1e30f};
    queries.push_back({queries[0].words, queries[0].count, huge, huge, 1, ternary_plus});
    expected.push_back(-1);
    for_each_target([&] {
        std::vector<std::int32_t> positions(queries.size());
        kernels::find_ternary_neighbours(queries.data(), queries.size(), positions.data());
        CHECK(positions == expected);
    });
}

TEST_CASE("IQ1 blocks decode from where the formats keep their bits", "[iq1]") {
    const formats::Grid& grid = formats::iq1_grid();
    const auto coordinate = [&](unsigned point, unsigned i) {
        return static_cast<float>(grid.point_levels[point * 8 + i]) - 1;
    };
    std::array<std::uint8_t, 50> s{};
    s[1] = 0x3C;       // scale 1
    s[2 + 5] = 0x23;   // group 5, the second of sub-block 1
    s[34 + 2] = 0x28;  // its upper bits 0b101, in bits 3 to 5
    s[34 + 3] = 0xB0;  // minus, multiple 3
    std::array<std::uint8_t, 56> m{};
    m[9] = 0x34;       // group 9, the second of sub-block 4
    m[32 + 4] = 0xA0;  // minus, upper bits 0b010
    m[48 + 2] = 0x05;  // sub-block 4: multiple 5
    m[48 + 5] = 0xC0;  // block's scale 0x3C00, 1: its third
    m[48 + 7] = 0x30;  // and fourth nibble
    for_each_target([&] {
        const auto from_s = decode(formats::iq1_s, std::as_bytes(std::span(s)));
        const auto from_m = decode(formats::iq1_m, std::as_bytes(std::span(m)));
        for (unsigned i = 0; i < 8; ++i) {
            CHECK(from_s[40 + i] == 7 * (coordinate(0x523, i) - 0.125f));
            CHECK(from_s[i] == coordinate(0, i) + 0.125f);
            CHECK(from_m[72 + i] == 11 * (coordinate(0x234, i) - 0.125f));
            CHECK(from_m[i] == coordinate(0, i) + 0.125f);
        }
    });
}

TEST_CASE("scales of IQ1 blocks that are not finite are found", "[iq1]") {
    std::vector<std::byte> s(150), m(168);
    CHECK(formats::iq1_s.find_bad_block(s.data(), 3) == -1);
    CHECK(formats::iq1_m.find_bad_block(m.data(), 3) == -1);
    s[101] = std::byte{0x7C};
    m[56 + 48 + 7] = std::byte{0x70};  // the top four bits of 0x7C00
    CHECK(formats::iq1_m.find_bad_block(m.data(), 3) == -1);
    m[56 + 48 + 5] = std::byte{0xC0};
    CHECK(formats::iq1_s.find_bad_block(s.data(), 3) == 2);
    CHECK(formats::iq1_m.find_bad_block(m.data(), 3) == 1);
}

TEST_CASE("IQ1_M encodes blocks whose weighted sums overflow as if they did not", "[iq1]") {
    // Powers of two change only exponents: weights that overflow must give what ones give.
    const std::vector<float> values = normal_values(2048, 1000, 5);
    const std::vector<float> ones(values.size(), 1.0f);
    const std::vector<float> overflowing(values.size(), 0x1p109f);
    for_each_target([&] {
        const auto blocks = encode(formats::iq1_m, values, overflowing.data());
        CHECK(blocks == encode(formats::iq1_m, values, ones.data()));
        CHECK(relative_error(values, decode(formats::iq1_m, blocks)) < 0.6);
    });
}

TEST_CASE("IQ1 encodes values beyond the largest scale as the largest", "[iq1]") {
    std::vector<float> values = normal_values(1024, 1e25f, 6);
    for (float& v : values)
        v = std::fabs(v);
    const std::vector<float> ones(values.size(), 1.0f);
    for (const Format* format : both) {
        for_each_target([&] {
            const auto blocks = encode(*format, values, ones.data());
            CHECK(format->find_bad_block(blocks.data(), 4) == -1);
            const auto decoded = decode(*format, blocks);
            std::size_t wrong = 0;
            for (std::size_t i = 0; i < values.size(); ++i) {
                wrong += values[i] > 1.5e25f && !(decoded[i] > 65504);
            }
            CHECK(wrong == 0);
        });
    }
}

TEST_CASE("IQ1 blocks without any weight are zero, as the reference writes them", "[iq1]") {
    const std::vector<float> values = normal_values(512, 1, 7);
    std::vector<float> weights(512, 0.0f);
    std::fill(weights.begin() + 256, weights.end(), 1.0f);
    for (const Format* format : both) {
        const auto decoded = decode(*format, encode(*format, values, weights.data()));
        CHECK(std::ranges::all_of(std::span(decoded).first(256), [](float v) { return v == 0; }));
        CHECK(relative_error(std::span(values).subspan(256), std::span(decoded).subspan(256)) <
              0.6);
    }
}

TEST_CASE("IQ1 without importance weights goes by the values", "[iq1]") {
    const std::vector<float> values = normal_values(2048, 0.02f, 8);
    for (const Format* format : both) {
        const auto blocks = encode(*format, values, nullptr);
        CHECK(relative_error(values, decode(*format, blocks)) < 0.7);
    }
}

TEST_CASE("IQ1 survives values that are not finite", "[iq1]") {
    std::vector<float> values = normal_values(512, 1, 9);
    values[3] = std::numeric_limits<float>::quiet_NaN();
    values[40] = std::numeric_limits<float>::infinity();
    values[300] = -std::numeric_limits<float>::infinity();
    const std::vector<float> ones(values.size(), 1.0f);
    for (const Format* format : both) {
        for_each_target([&] {
            CHECK(encode(*format, values, ones.data()).size() == row_bytes(format->type, 512));
        });
    }
}

}  // namespace quantize::test

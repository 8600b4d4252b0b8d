// IQ4_NL and IQ4_XS: the code points, the nearest one, the search for a scale against a plain loop,
// and where the blocks keep their bits.
#include <algorithm>
#include <array>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/float16.h"
#include "formats/families.h"
#include "kernels/codebook.h"
#include "targets.h"

namespace quantize::test {
namespace {

using kernels::codebook_block;
using kernels::codebook_points;

/// The nearest code point by bisection and a comparison of the two differences.
int nearest_by_bisection(float scaled) {
    int low = 0, high = 15;
    if (scaled <= codebook_points[0]) return 0;
    if (scaled >= codebook_points[15]) return 15;
    while (high - low > 1) {
        const int middle = (low + high) / 2;
        (scaled < codebook_points[static_cast<std::size_t>(middle)] ? high : low) = middle;
    }
    const float below = scaled - codebook_points[static_cast<std::size_t>(high - 1)];
    const float above = codebook_points[static_cast<std::size_t>(high)] - scaled;
    return below < above ? high - 1 : high;
}

/// Code points that assign_codebook() gives to `values` at scale 1.
std::vector<int> assigned(std::vector<float> values) {
    values.resize((values.size() + codebook_block - 1) / codebook_block * codebook_block);
    const std::size_t blocks = values.size() / codebook_block;
    const std::vector<float> ones(blocks, 1.0f);
    std::vector<std::uint8_t> codes(blocks * 16);
    kernels::assign_codebook(values.data(), blocks, ones.data(), codes.data());
    std::vector<int> indices(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const unsigned byte = codes[i / 32 * 16 + i % 16];
        indices[i] = static_cast<int>(i % 32 < 16 ? byte & 15u : byte >> 4);
    }
    return indices;
}

/// The search as a plain loop over one block. `weights` are final.
float fit_plainly(const float* values, const float* weights) {
    float peak = 0;
    for (std::size_t j = 0; j < codebook_block; ++j) {
        if (std::fabs(values[j]) > std::fabs(peak)) peak = values[j];
    }
    if (std::fabs(peak) < 1e-15f) return 0;
    float scale = 0, merit = 0;
    for (int trial = -8; trial <= 7; ++trial) {
        const float inverse =
            trial == -8 ? 1 / (peak / 127) : static_cast<float>(trial - 127) / peak;
        float product = 0, square = 0;
        for (std::size_t j = 0; j < codebook_block; ++j) {
            const int index = nearest_by_bisection(inverse * values[j]);
            const float point = codebook_points[static_cast<std::size_t>(index)];
            product += weights[j] * point * values[j];
            square += weights[j] * point * point;
        }
        if (trial == -8) {
            scale = square > 0 ? product / square : 0;
            merit = scale * product;
        } else if (square > 0 && product * product > merit * square) {
            scale = product / square;
            merit = scale * product;
        }
    }
    return scale;
}

/// Blocks of many kinds: of any size, on the thresholds, with zeros, subnormal, huge.
std::vector<float> make_blocks(std::size_t blocks, std::mt19937& random) {
    std::normal_distribution<float> normal;
    std::vector<float> values(blocks * codebook_block);
    for (std::size_t i = 0; i < values.size(); ++i) {
        const std::size_t kind = i / codebook_block % 8;
        const float v = normal(random);
        const auto point = codebook_points[random() % 15];
        values[i] = kind == 0   ? v * 0.02f
                    : kind == 1 ? std::exp(4 * v) * (random() % 2 ? 1.0f : -1.0f)
                    : kind == 2 ? (static_cast<float>(point) + 5.5f) * 0.25f
                    : kind == 3 ? std::round(v)
                    : kind == 4 ? (random() % 8 ? 0.0f : v)
                    : kind == 5 ? v * 1e-15f
                    : kind == 6 ? v * 1e-39f
                                : v * 1e15f;
    }
    return values;
}

}  // namespace

TEST_CASE("code points of IQ4 are the format's", "[iq4]") {
    CHECK(std::ranges::is_sorted(codebook_points));
    std::uint32_t hash = 2166136261u;  // FNV-1a
    for (const std::int8_t point : codebook_points) {
        hash = (hash ^ static_cast<std::uint8_t>(point)) * 16777619u;
    }
    CHECK(hash == 0xB3805235u);
}

TEST_CASE("the nearest code point of IQ4 is found for every float", "[iq4]") {
    std::vector<float> values;
    for (std::size_t i = 0; i < 15; ++i) {
        // All floats around each middle and each point.
        for (const float centre :
             {0.5f * static_cast<float>(codebook_points[i] + codebook_points[i + 1]),
              static_cast<float>(codebook_points[i])}) {
            for (std::uint32_t step = 0; step < 4000; ++step) {
                values.push_back(
                    std::bit_cast<float>(std::bit_cast<std::uint32_t>(centre) - 2000 + step));
            }
        }
    }
    std::mt19937 random(1);
    for (int i = 0; i < 100000; ++i) {
        values.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
    }
    for_each_target([&] {
        const std::vector<int> indices = assigned(values);
        std::size_t wrong = 0;
        for (std::size_t i = 0; i < values.size(); ++i) {
            wrong += indices[i] != nearest_by_bisection(values[i]);
        }
        CHECK(wrong == 0);
    });
}

TEST_CASE("the search for an IQ4 scale equals a plain loop", "[iq4]") {
    constexpr std::size_t blocks = 403;
    std::mt19937 random(2);
    const std::vector<float> values = make_blocks(blocks, random);
    std::vector<float> importance(values.size()), means(blocks), weights(values.size());
    for (float& w : importance) {
        w = random() % 5 == 0 ? 0.0f : std::exp(std::normal_distribution<float>()(random));
    }
    for (float& mean : means)
        mean = static_cast<float>(random() % 100) * 0.01f;
    for (const bool weighted : {false, true}) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            const float square = values[i] * values[i];
            weights[i] =
                weighted ? importance[i] * std::sqrt(means[i / codebook_block] + square) : square;
        }
        kernels::CodebookWeights how;
        if (weighted) how = {importance.data(), means.data(), 1};
        for_each_target([&] {
            std::vector<float> scales(blocks);
            kernels::fit_codebook(values.data(), blocks, how, scales.data());
            std::size_t wrong = 0;
            for (std::size_t b = 0; b < blocks; ++b) {
                const float expected =
                    fit_plainly(&values[b * codebook_block], &weights[b * codebook_block]);
                wrong += std::bit_cast<std::uint32_t>(scales[b]) !=
                         std::bit_cast<std::uint32_t>(expected);
            }
            CHECK(wrong == 0);
        });
    }
}

TEST_CASE("IQ4_NL keeps values that its code points can express", "[iq4]") {
    std::array<float, codebook_block> values, decoded;
    for (std::size_t j = 0; j < values.size(); ++j)
        values[j] = 0.5f * codebook_points[j % 16];
    std::array<std::byte, 18> block;
    for_each_target([&] {
        formats::iq4_nl.encode(values.data(), 1, 32, nullptr, block.data());
        formats::iq4_nl.decode(block.data(), 32, decoded.data());
        CHECK(decoded == values);
    });
    CHECK(block[0] == std::byte{0x00});  // 0.5 as binary16, low byte first
    CHECK(block[1] == std::byte{0x38});
    CHECK(block[2 + 3] == std::byte{0x33});  // values 3 and 19 have the same code
}

TEST_CASE("IQ4_XS takes its bits from where the format keeps them", "[iq4]") {
    std::array<std::uint8_t, 136> block{};
    block[1] = 0x3C;        // scale 1
    block[2] = 0b00000110;  // upper bits: sub-block 0 has 2, sub-block 1 has 1
    block[4] = 0x5F;        // lower bits: 15 and 5
    block[8 + 2] = 0x91;    // sub-block 0: value 2 has code 1, value 18 code 9
    block[8 + 16] = 0x0F;   // sub-block 1: value 0 has code 15
    std::array<float, 256> values;
    for_each_target([&] {
        formats::iq4_xs.decode(reinterpret_cast<const std::byte*>(block.data()), 256,
                               values.data());
        CHECK(values[2] == (0x2F - 32) * -104.0f);
        CHECK(values[18] == (0x2F - 32) * 13.0f);
        CHECK(values[32] == (0x15 - 32) * 113.0f);
        CHECK(values[255] == (0 - 32) * -127.0f);
    });
}

TEST_CASE("scales of IQ4 blocks that are not finite are found", "[iq4]") {
    for (const Format* format : {&formats::iq4_nl, &formats::iq4_xs}) {
        const std::size_t bytes = type_info(format->type).block_bytes;
        std::vector<std::byte> blocks(3 * bytes);
        CHECK(format->find_bad_block(blocks.data(), 3) == -1);
        blocks[2 * bytes + 1] = std::byte{0xFC};
        CHECK(format->find_bad_block(blocks.data(), 3) == 2);
        blocks[bytes] = std::byte{1};
        blocks[bytes + 1] = std::byte{0x7C};
        CHECK(format->find_bad_block(blocks.data(), 3) == 1);
    }
}

}  // namespace quantize::test

// K-quants and weighted legacy types beyond the golden bytes: packers and their inverses, blocks
// put together by hand, and that a block's bytes do not depend on what it is encoded together with.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <random>
#include <vector>

#include "base/float16.h"
#include "formats/families.h"
#include "formats/k_blocks.h"
#include "formats/k_packing.h"
#include "formats/legacy_weighted.h"

namespace quantize::formats {
namespace {

std::vector<std::uint8_t> random_bytes(std::size_t count, int highest, unsigned seed) {
    std::mt19937 random(seed);
    std::vector<std::uint8_t> bytes(count);
    for (auto& b : bytes)
        b = static_cast<std::uint8_t>(random() % static_cast<unsigned>(highest + 1));
    return bytes;
}

std::vector<float> random_values(std::size_t count, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::vector<float> values(count);
    for (std::size_t i = 0; i < count; ++i) {
        // Some sub-blocks are far smaller than their neighbours: their stored scale becomes zero.
        values[i] = normal(random) * (i / 16 % 5 == 0 ? 1e-5f : 0.1f);
    }
    return values;
}

bool equals(const std::vector<std::uint8_t>& levels, const std::int8_t* unpacked) {
    return std::equal(levels.begin(), levels.end(), unpacked);
}

TEST_CASE("level packers have inverses") {
    std::uint8_t low[128], high[64];
    std::int8_t levels[super_block_elems];
    const auto nibbles = random_bytes(super_block_elems, 15, 1);
    pack_nibbles<32>(nibbles.data(), low);
    unpack_nibbles<32>(low, levels);
    CHECK(equals(nibbles, levels));
    const auto three_bits = random_bytes(super_block_elems, 7, 2);
    std::memset(levels, 0, sizeof(levels));
    pack_pairs<0>(three_bits.data(), low);
    pack_planes<1, 32, 2>(three_bits.data(), high);
    unpack_pairs<0>(low, levels);
    unpack_planes<1, 32, 2>(high, levels);
    CHECK(equals(three_bits, levels));

    const auto six_bits = random_bytes(super_block_elems, 63, 3);
    pack_nibbles<64>(six_bits.data(), low);
    pack_pairs<4>(six_bits.data(), high);
    unpack_nibbles<64>(low, levels);
    unpack_pairs<4>(high, levels);
    CHECK(equals(six_bits, levels));
}

TEST_CASE("scale packers have inverses") {
    const auto scales = random_bytes(16, 63, 4);
    std::uint8_t packed[12], first[16], second[8];
    pack_scales(scales.data(), packed);
    unpack_scales(packed, first);
    CHECK(std::equal(scales.begin(), scales.end(), first));
    pack_scales_and_mins(scales.data(), scales.data() + 8, packed);
    unpack_scales_and_mins(packed, first, second);
    CHECK(std::equal(first, first + 8, scales.begin()));
    CHECK(std::equal(second, second + 8, scales.begin() + 8));
}

TEST_CASE("a Q4_K block decodes to scale times level minus min") {
    BlockQ4K block{};
    block.d = f32_to_f16(0.5f);
    block.dmin = f32_to_f16(0.25f);
    const std::uint8_t scales[8] = {1, 2, 3, 4, 5, 63, 7, 8};
    const std::uint8_t mins[8] = {8, 7, 6, 5, 4, 3, 2, 63};
    pack_scales_and_mins(scales, mins, block.scales);
    const auto levels = random_bytes(super_block_elems, 15, 5);
    pack_nibbles<32>(levels.data(), block.levels);
    float values[super_block_elems];
    q4_k.decode(reinterpret_cast<const std::byte*>(&block), super_block_elems, values);
    for (int i = 0; i < super_block_elems; ++i) {
        const int sub = i / 32;
        const float expected =
            0.5f * scales[sub] * levels[static_cast<std::size_t>(i)] - 0.25f * mins[sub];
        REQUIRE(values[i] == expected);
    }
}

TEST_CASE("a Q6_K block decodes to scale times level") {
    BlockQ6K block{};
    block.d = f32_to_f16(0.125f);
    for (int j = 0; j < 16; ++j)
        block.scales[j] = static_cast<std::int8_t>(17 * j - 128);
    const auto levels = random_bytes(super_block_elems, 63, 6);
    pack_nibbles<64>(levels.data(), block.levels);
    pack_pairs<4>(levels.data(), block.high_pairs);
    float values[super_block_elems];
    q6_k.decode(reinterpret_cast<const std::byte*>(&block), super_block_elems, values);
    for (int i = 0; i < super_block_elems; ++i) {
        const int level = levels[static_cast<std::size_t>(i)] - 32;
        REQUIRE(values[i] == 0.125f * block.scales[i / 16] * static_cast<float>(level));
    }
}

TEST_CASE("zeros become blocks that decode to zeros") {
    for (const Format* format : {&q2_k, &q3_k, &q4_k, &q5_k, &q6_k}) {
        const std::vector<float> zeros(3 * super_block_elems, 0.0f);
        const std::vector<float> weights(super_block_elems, 1.0f);
        for (const float* w : {static_cast<const float*>(nullptr), weights.data()}) {
            std::vector<std::byte> blocks(row_bytes(format->type, zeros.size()));
            format->encode(zeros.data(), 3, super_block_elems, w, blocks.data());
            CHECK(format->find_bad_block(blocks.data(), 3) == -1);
            std::vector<float> decoded(zeros.size(), 1.0f);
            format->decode(blocks.data(), static_cast<std::int64_t>(zeros.size()), decoded.data());
            CHECK(decoded == zeros);
        }
    }
}

TEST_CASE("an infinite or NaN scale is found") {
    for (const Format* format : {&q2_k, &q3_k, &q4_k, &q5_k, &q6_k}) {
        const std::size_t bytes = type_info(format->type).block_bytes;
        const std::vector<float> values = random_values(5 * super_block_elems, 7);
        std::vector<std::byte> blocks(5 * bytes);
        format->encode(values.data(), 5, super_block_elems, nullptr, blocks.data());
        REQUIRE(format->find_bad_block(blocks.data(), 5) == -1);
        // The scale of values this large overflows F16.
        std::vector<float> huge = values;
        for (int i = 0; i < 256; ++i)
            huge[static_cast<std::size_t>(3 * 256 + i)] *= 1e10f;
        format->encode(huge.data(), 5, super_block_elems, nullptr, blocks.data());
        CHECK(format->find_bad_block(blocks.data(), 5) == 3);
    }
}

/// Encodes with rows cut into pieces of one super-block, each with its part of the weights.
std::vector<std::byte> encode_by_super_blocks(const Format& format,
                                              const std::vector<float>& values, std::int64_t cols,
                                              const float* weights) {
    std::vector<std::byte> blocks(row_bytes(format.type, values.size()));
    const std::size_t bytes = type_info(format.type).block_bytes;
    for (std::size_t s = 0; s < values.size() / super_block_elems; ++s) {
        const std::size_t start = s * super_block_elems;
        const auto column = start % static_cast<std::size_t>(cols);
        format.encode(values.data() + start, 1, super_block_elems,
                      weights == nullptr ? nullptr : weights + column, blocks.data() + s * bytes);
    }
    return blocks;
}

TEST_CASE("a super-block's bytes do not depend on its neighbours") {
    for (const Format* format : {&q2_k, &q3_k, &q4_k, &q5_k, &q6_k}) {
        for (const auto& [rows, row_blocks] : {std::pair{1, 1}, {3, 5}, {1, 16}, {7, 5}, {2, 33}}) {
            const std::int64_t cols = row_blocks * super_block_elems;
            const auto values = random_values(static_cast<std::size_t>(rows * cols), 11);
            auto weights = random_values(static_cast<std::size_t>(cols), 12);
            for (float& w : weights)
                w *= w;
            for (const float* w :
                 {static_cast<const float*>(nullptr), static_cast<const float*>(weights.data())}) {
                INFO(type_name(format->type) << ", " << rows << " x " << cols);
                std::vector<std::byte> blocks(row_bytes(format->type, values.size()));
                format->encode(values.data(), rows, cols, w, blocks.data());
                REQUIRE(blocks == encode_by_super_blocks(*format, values, cols, w));
            }
        }
    }
}

TEST_CASE("rows of the weighted legacy types are coded one by one") {
    for (const TensorType type :
         {TensorType::Q4_0, TensorType::Q4_1, TensorType::Q5_0, TensorType::Q5_1}) {
        for (const auto& [rows, cols] : {std::pair{1, 32}, {5, 96}, {70, 64}, {3, 4128}}) {
            const auto values = random_values(static_cast<std::size_t>(rows * cols), 13);
            auto weights = random_values(static_cast<std::size_t>(cols), 14);
            for (float& w : weights)
                w *= w;
            std::vector<std::byte> together(row_bytes(type, values.size())), apart(together.size());
            encode_weighted(type, values.data(), rows, cols, weights.data(), together.data());
            const std::size_t row_size = together.size() / static_cast<std::size_t>(rows);
            for (int row = 0; row < rows; ++row) {
                encode_weighted(type, values.data() + row * cols, 1, cols, weights.data(),
                                apart.data() + static_cast<std::size_t>(row) * row_size);
            }
            INFO(type_name(type) << ", " << rows << " x " << cols);
            REQUIRE(together == apart);
        }
    }
}

}  // namespace
}  // namespace quantize::formats

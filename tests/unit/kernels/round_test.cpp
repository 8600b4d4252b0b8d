// Rounding by a block's extremes, against the definition written out value by value.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "base/float16.h"
#include "kernels/bits.h"
#include "kernels/round.h"
#include "targets.h"

namespace quantize::test {
namespace {

constexpr std::size_t block_elems = 32;

struct Rounded {
    std::vector<std::int8_t> levels;
    std::vector<std::uint16_t> scales;
    std::vector<std::uint16_t> mins;

    explicit Rounded(std::size_t blocks)
        : levels(blocks * block_elems), scales(blocks), mins(blocks) {}
};

Rounded by_signed_max(int bits, const std::vector<float>& values) {
    Rounded out(values.size() / block_elems);
    kernels::round_by_signed_max(bits, values.data(), static_cast<std::int64_t>(out.scales.size()),
                                 out.levels.data(), out.scales.data());
    return out;
}

Rounded by_range(int bits, const std::vector<float>& values) {
    Rounded out(values.size() / block_elems);
    kernels::round_by_range(bits, values.data(), static_cast<std::int64_t>(out.scales.size()),
                            out.levels.data(), out.scales.data(), out.mins.data());
    return out;
}

/// A block of zeros but for what is given.
std::vector<float> block_with(std::initializer_list<std::pair<std::size_t, float>> entries) {
    std::vector<float> values(block_elems, 0.0f);
    for (const auto& [at, value] : entries)
        values[at] = value;
    return values;
}

}  // namespace

TEST_CASE("halves are rounded away from zero, and nothing below a half is") {
    // With 127 as the largest magnitude the scale is one: the level is the value rounded.
    std::vector<float> values;
    for (int i = 0; i < 127; ++i) {
        const float half = static_cast<float>(i) + 0.5f;
        for (const float v : {std::nextafter(half, 0.0f), half, std::nextafter(half, 200.0f)}) {
            values.push_back(v > 127.0f ? 127.0f : v);
            values.push_back(v > 127.0f ? -127.0f : -v);
        }
    }
    values.resize((values.size() + 30) / 31 * 31);
    std::vector<float> blocks;
    for (std::size_t at = 0; at < values.size(); at += 31) {
        blocks.push_back(127.0f);
        blocks.insert(blocks.end(), values.begin() + static_cast<std::ptrdiff_t>(at),
                      values.begin() + static_cast<std::ptrdiff_t>(at) + 31);
    }
    for_each_target([&] {
        Rounded out(blocks.size() / block_elems);
        kernels::round_by_abs_max({32, 127, 0, 0}, blocks.data(),
                                  static_cast<std::int64_t>(out.scales.size()), out.levels.data(),
                                  out.scales.data());
        for (std::size_t i = 0; i < blocks.size(); ++i) {
            REQUIRE(out.levels[i] == static_cast<int>(std::round(blocks[i])));
        }
    });
}

TEST_CASE("of values with the largest magnitude the first decides the sign of the scale") {
    for_each_target([] {
        const Rounded plus = by_signed_max(4, block_with({{5, 2.0f}, {30, -2.0f}}));
        CHECK(plus.scales[0] == f32_to_f16(-0.25f));
        CHECK(plus.levels[5] == 0);
        CHECK(plus.levels[30] == 15);
        const Rounded minus = by_signed_max(5, block_with({{9, -2.0f}, {10, 2.0f}, {31, 1.0f}}));
        CHECK(minus.scales[0] == f32_to_f16(0.125f));
        CHECK(minus.levels[9] == 0);
        CHECK(minus.levels[10] == 31);
        CHECK(minus.levels[31] == 24);
    });
}

TEST_CASE("a block of zeros has a negative zero for its scale, and middle levels") {
    for_each_target([] {
        std::vector<float> zeros(block_elems);
        zeros[0] = -0.0f;
        const Rounded out = by_signed_max(4, zeros);
        CHECK(out.scales[0] == 0x8000);
        CHECK(std::ranges::all_of(out.levels, [](int level) { return level == 8; }));
    });
}

TEST_CASE("the first of zeros is the min that is stored") {
    for_each_target([] {
        std::vector<float> values(block_elems, 1.0f);
        values[3] = -0.0f;
        values[7] = 0.0f;
        CHECK(by_range(4, values).mins[0] == 0x8000);
        std::swap(values[3], values[7]);
        CHECK(by_range(4, values).mins[0] == 0x0000);
        CHECK(by_range(5, values).scales[0] == f32_to_f16(1.0f / 31.0f));
    });
}

TEST_CASE("a block of zeros of both signs has a positive scale") {
    for_each_target([] {
        std::vector<float> values(block_elems, 0.0f);
        values[0] = -0.0f;
        CHECK(by_range(4, values).scales[0] == 0);
        CHECK(by_range(4, values).mins[0] == 0x8000);
    });
}

TEST_CASE("inverses and ranges that overflow give level zero") {
    constexpr float tiny = 1e-39f;
    constexpr float most = std::numeric_limits<float>::max();
    for_each_target([&] {
        const auto all_zero = [](const Rounded& out) {
            return std::ranges::all_of(out.levels, [](int level) { return level == 0; });
        };
        CHECK(all_zero(by_signed_max(4, block_with({{1, tiny}, {2, -tiny / 2}}))));
        CHECK(all_zero(by_range(5, block_with({{1, tiny}, {2, -tiny / 2}}))));
        CHECK(all_zero(by_range(4, block_with({{1, most}, {2, -most}}))));
    });
}

TEST_CASE("a mean of magnitudes is summed in order") {
    // Large values first: small ones are lost one by one, but not if they were added up first.
    std::vector<float> values(3 * 128, 0x1p-25f);
    for (std::size_t at = 0; at < values.size(); at += 128)
        values[at] = -1.0f;
    for_each_target([&] {
        std::vector<std::int8_t> levels(values.size());
        std::array<std::uint16_t, 3> scales{};
        kernels::round_to_sign(values.data(), 3, levels.data(), scales.data());
        for (const std::uint16_t scale : scales)
            CHECK(scale == f32_to_f16(1.0f / 128));
        CHECK(levels[0] == 0);
        CHECK(levels[1] == 1);
    });
}

TEST_CASE("single bits are gathered and spread again") {
    std::mt19937 random(9);
    for_each_target([&] {
        for (const std::size_t n : {32u, 96u, 4096u}) {
            std::vector<std::int8_t> levels(n);
            for (std::int8_t& level : levels)
                level = static_cast<std::int8_t>(random() & 31u);
            std::vector<std::uint8_t> bits(n / 8);
            kernels::gather_bits(levels.data(), static_cast<std::int64_t>(n), 4, bits.data());
            std::vector<std::int8_t> back(n);
            for (std::size_t i = 0; i < n; ++i) {
                CHECK((bits[i / 8] >> (i % 8) & 1) == (levels[i] >> 4 & 1));
                back[i] = static_cast<std::int8_t>(levels[i] & 15);
            }
            kernels::spread_bits(bits.data(), static_cast<std::int64_t>(n), 4, back.data());
            CHECK(back == levels);
        }
    });
}

}  // namespace quantize::test

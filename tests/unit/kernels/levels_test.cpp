// Levels of values whose scale is settled, against the definition value by value.
#include "kernels/levels.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "base/float16.h"
#include "guarded_buffer.h"
#include "plain_fits.h"
#include "targets.h"

namespace quantize::test {
namespace {

using kernels::LevelRange;
using kernels::StoredValues;
using kernels::plain::clamped;

struct SubBlocks {
    int size;
    std::vector<float> values, scales, mins;
};

/// Quotients from nothing to beyond what a float holds, ties and zeros among them.
SubBlocks make_sub_blocks(int size, std::size_t count) {
    std::mt19937 random(static_cast<unsigned>(size) + static_cast<unsigned>(count));
    std::normal_distribution<float> normal;
    SubBlocks made{size, {}, {}, {}};
    for (std::size_t s = 0; s < count; ++s) {
        const float unit = std::ldexp(1.0f, static_cast<int>(random() % 60) - 40);
        made.scales.push_back((random() % 2 ? unit : -unit) * (random() % 3 ? 1 : 1.1f));
        made.mins.push_back(random() % 2 ? 0 : normal(random) * unit);
        for (int i = 0; i < size; ++i) {
            const float choices[] = {
                normal(random) * 10 * unit, static_cast<float>(random() % 64) * 0.5f * unit,
                std::ldexp(normal(random), static_cast<int>(random() % 250) - 125), 0.0f, -0.0f};
            made.values.push_back(choices[random() % 5]);
        }
    }
    return made;
}

template <class Expected>
void check(const SubBlocks& blocks, LevelRange range, const std::vector<std::uint8_t>& levels,
           const Expected& expected) {
    const auto size = static_cast<std::size_t>(blocks.size);
    for (std::size_t at = 0; at < blocks.values.size(); ++at) {
        INFO("sub-block " << at / size << ", value " << at % size);
        const int level = expected(at / size, blocks.values[at]);
        REQUIRE(levels[at] == static_cast<std::uint8_t>(level + range.offset));
    }
}

constexpr LevelRange ranges[] = {
    {-4, 3, 4}, {-32, 31, 32}, {0, 3, 0}, {0, 31, 0}, {-128, 127, 128}};

}  // namespace

TEST_CASE("levels by a stored scale follow their definition") {
    for (const int size : {16, 32}) {
        for (const std::size_t count : {1, 2, 3, 7, 16, 65}) {
            const SubBlocks blocks = make_sub_blocks(size, count);
            for_each_target([&] {
                for (const LevelRange range : ranges) {
                    std::vector<std::uint8_t> levels(blocks.values.size());
                    kernels::relevel(blocks.values.data(), static_cast<std::int64_t>(count), size,
                                     blocks.scales.data(), blocks.mins.data(), range,
                                     levels.data());
                    check(blocks, range, levels, [&](std::size_t s, float v) {
                        return clamped((v + blocks.mins[s]) / blocks.scales[s], range.lowest,
                                       range.highest);
                    });
                }
            });
        }
    }
}

TEST_CASE("levels by an inverse scale follow their definition") {
    for (const int size : {16, 32}) {
        for (const std::size_t count : {1, 2, 3, 7, 16, 65}) {
            SubBlocks blocks = make_sub_blocks(size, count);
            std::vector<float> inverse;
            for (std::size_t s = 0; s < count; ++s)
                inverse.push_back(s % 5 == 3 ? 0 : 1 / blocks.scales[s]);
            for_each_target([&] {
                for (const LevelRange range : ranges) {
                    std::vector<std::uint8_t> levels(blocks.values.size());
                    kernels::level_by_inverse(
                        blocks.values.data(), static_cast<std::int64_t>(count), size,
                        inverse.data(), blocks.mins.data(), range, levels.data());
                    check(blocks, range, levels, [&](std::size_t s, float v) {
                        if (inverse[s] == 0) return -range.offset;  // a byte of zero
                        return clamped(inverse[s] * (v - blocks.mins[s]), range.lowest,
                                       range.highest);
                    });
                }
            });
        }
    }
}

TEST_CASE("levels of values in F16 are those of the same in binary32") {
    constexpr LevelRange range = {-32, 31, 32};
    for (const int size : {16, 32}) {
        for (const std::size_t count : {1, 2, 3, 7, 16, 65}) {
            SubBlocks blocks = make_sub_blocks(size, count);
            GuardedBuffer<std::uint16_t> halves(blocks.values.size());
            for (std::size_t i = 0; i < halves.size(); ++i) {
                halves[i] = f32_to_f16(std::clamp(blocks.values[i], -65504.0f, 65504.0f));
                blocks.values[i] = f16_to_f32(halves[i]);
            }
            const auto values =
                StoredValues::of_halves(reinterpret_cast<const std::byte*>(halves.data()));
            const auto problems = static_cast<std::int64_t>(count);
            for_each_target([&] {
                std::vector<std::uint8_t> expected(halves.size()), levels(halves.size());
                const auto take = [&](const auto& kernel) {
                    CHECK(kernel(blocks.values.data(), problems, size, blocks.scales.data(),
                                 blocks.mins.data(), range, expected.data()));
                    CHECK(kernel(values, problems, size, blocks.scales.data(), blocks.mins.data(),
                                 range, levels.data()));
                    CHECK(levels == expected);
                };
                take(kernels::relevel);
                take(kernels::level_by_inverse);
            });
        }
    }
}

TEST_CASE("levels of values in F16 tell whether all are finite") {
    constexpr std::int64_t count = 5;
    for (const int size : {16, 32}) {
        GuardedBuffer<std::uint16_t> halves(static_cast<std::size_t>(count * size));
        std::ranges::fill(halves.span(), std::uint16_t{0xFBFF});
        const auto values =
            StoredValues::of_halves(reinterpret_cast<const std::byte*>(halves.data()));
        const std::vector<float> scale(count, 0.5f), min(count);
        std::vector<std::uint8_t> levels(halves.size());
        const auto are_finite = [&](const auto& kernel) {
            return kernel(values, count, size, scale.data(), min.data(), LevelRange{0, 15, 0},
                          levels.data());
        };
        for_each_target([&] {
            REQUIRE(are_finite(kernels::relevel));
            REQUIRE(are_finite(kernels::level_by_inverse));
            for (std::size_t at = 0; at < halves.size(); ++at) {
                constexpr std::uint16_t bad[] = {0x7C00, 0xFC00, 0x7E01, 0xFFFF};
                halves[at] = bad[at % std::size(bad)];
                REQUIRE(!are_finite(kernels::relevel));
                REQUIRE(!are_finite(kernels::level_by_inverse));
                halves[at] = 0xFBFF;
            }
        });
    }
}

}  // namespace quantize::test

// The scan for values that are not finite, and the error sums.
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "guarded_buffer.h"
#include "kernels/rows.h"
#include "targets.h"

namespace quantize::test {

TEST_CASE("the first value that is not finite is found at every place of every length") {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const float bad_values[] = {infinity, -infinity, std::nanf("1"),
                                std::bit_cast<float>(0xFF800001u)};
    for_each_target([&] {
        for (std::size_t n = 1; n < 150; ++n) {
            GuardedBuffer<float> values(n);
            for (float& v : values.span())
                v = std::numeric_limits<float>::max();
            REQUIRE(kernels::find_non_finite(values.data(), static_cast<std::int64_t>(n)) == -1);
            for (std::size_t at = 0; at < n; ++at) {
                const float kept = values[at];
                values[at] = bad_values[at % std::size(bad_values)];
                values[n - 1] = n - 1 > at ? infinity : values[n - 1];
                REQUIRE(kernels::find_non_finite(values.data(), static_cast<std::int64_t>(n)) ==
                        static_cast<std::int64_t>(at));
                values[at] = kept;
                values[n - 1] = kept;
            }
        }
        CHECK(kernels::find_non_finite(nullptr, 0) == -1);
    });
}

TEST_CASE("halves that are not finite are found") {
    for_each_target([&] {
        GuardedBuffer<std::uint16_t> halves(77);
        const auto* const bytes = reinterpret_cast<const std::byte*>(halves.data());
        for (std::size_t at = 0; at < halves.size(); ++at) {
            for (std::uint16_t& half : halves.span())
                half = 0x7BFF;
            CHECK(kernels::find_non_finite_f16(bytes, 77) == -1);
            halves[at] = at % 2 == 0 ? 0xFC00 : 0x7C01;
            CHECK(kernels::find_non_finite_f16(bytes, 77) == static_cast<std::int64_t>(at));
            for (std::uint16_t& half : halves.span())
                half = 0xFF7F;
            CHECK(kernels::find_non_finite_bf16(bytes, 77) == -1);
            halves[at] = at % 2 == 0 ? 0xFF80 : 0x7F81;
            CHECK(kernels::find_non_finite_bf16(bytes, 77) == static_cast<std::int64_t>(at));
        }
    });
}

TEST_CASE("error sums are the same on every target, and right") {
    std::mt19937 random(3);
    std::normal_distribution<float> normal;
    for (const std::int64_t n : {0, 1, 7, 8, 9, 1000, 4099}) {
        std::vector<float> original(static_cast<std::size_t>(n));
        std::vector<float> decoded(original.size());
        double squared_error = 0;
        double squared_value = 0;
        double max_abs_error = 0;
        for (std::size_t i = 0; i < original.size(); ++i) {
            original[i] = normal(random);
            decoded[i] = original[i] + 0.01f * normal(random);
            const double error = double{original[i]} - double{decoded[i]};
            squared_error += error * error;
            squared_value += double{original[i]} * double{original[i]};
            max_abs_error = std::max(max_abs_error, std::fabs(error));
        }
        kernels::pin_target("scalar");
        const auto scalar = kernels::error_sums(original.data(), decoded.data(), n);
        CHECK(std::fabs(scalar.squared_error - squared_error) <= 1e-12 * squared_error);
        CHECK(std::fabs(scalar.squared_value - squared_value) <= 1e-12 * squared_value);
        CHECK(scalar.max_abs_error == max_abs_error);
        for_each_target([&] {
            const auto sums = kernels::error_sums(original.data(), decoded.data(), n);
            CHECK(sums.squared_error == scalar.squared_error);
            CHECK(sums.squared_value == scalar.squared_value);
            CHECK(sums.max_abs_error == scalar.max_abs_error);
        });
    }
}

}  // namespace quantize::test

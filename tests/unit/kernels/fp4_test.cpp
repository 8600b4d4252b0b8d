// The scales of 4-bit floats, against the C library's logarithm and against their definitions.
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>

#include "kernels/fp4.h"

namespace quantize::test {
namespace {

/// floor(log2(x)) - 2 + 127 by the C library, converted as x86-64 does.
std::uint8_t by_library(float largest) {
    return static_cast<std::uint8_t>(static_cast<int>(std::floor(std::log2(largest))) - 2 + 127);
}

}  // namespace

TEST_CASE("the MXFP4 exponent agrees with the C library around every power of two") {
    for (int k = -148; k <= 128; ++k) {
        const std::uint32_t power =
            k == 128 ? 0x7F800000u : std::bit_cast<std::uint32_t>(std::ldexp(1.0f, k));
        for (std::uint32_t bits = power > 300 ? power - 300 : 1; bits < power + 300; ++bits) {
            if (bits >= 0x7F800000u) break;
            const float largest = std::bit_cast<float>(bits);
            INFO("bits " << bits);
            REQUIRE(kernels::e8m0_for(largest) == by_library(largest));
        }
    }
}

TEST_CASE("the MXFP4 exponent agrees with the C library on subnormals and at random places") {
    for (std::uint32_t bits = 1; bits < 0x00800000u; bits += 5) {
        const float largest = std::bit_cast<float>(bits);
        if (kernels::e8m0_for(largest) != by_library(largest)) FAIL("bits " << bits);
    }
    for (std::uint32_t bits = 0x00800000u; bits < 0x7F800000u; bits += 1999) {
        const float largest = std::bit_cast<float>(bits);
        if (kernels::e8m0_for(largest) != by_library(largest)) FAIL("bits " << bits);
    }
}

TEST_CASE("the MXFP4 exponent of nothing is zero") {
    CHECK(kernels::e8m0_for(0.0f) == 0);
    CHECK(kernels::e8m0_for(-0.0f) == 0);
    CHECK(kernels::e8m0_for(NAN) == 0);
}

TEST_CASE("scale bytes stand for half their value") {
    for (int byte = 0; byte < 256; ++byte) {
        CHECK(kernels::e8m0_half(static_cast<std::uint8_t>(byte)) == std::ldexp(1.0f, byte - 128));
        const int exponent = byte >> 3 & 15;
        const int mantissa = byte & 7;
        float value = exponent == 0
                          ? std::ldexp(static_cast<float>(mantissa), -9)
                          : std::ldexp(1.0f + static_cast<float>(mantissa) / 8, exponent - 7);
        if (byte == 0x7F) value = 0;
        CHECK(kernels::ue4m3_halves[static_cast<std::size_t>(byte)] == value / 2);
    }
}

}  // namespace quantize::test

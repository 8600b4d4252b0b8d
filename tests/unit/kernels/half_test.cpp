// F16 and BF16: every half both ways and every midpoint, on every target.
#include <algorithm>
#include <array>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/float16.h"
#include "kernels/rows.h"
#include "targets.h"

namespace quantize::test {
namespace {

using Words = std::vector<std::uint16_t>;

Words all_halves() {
    Words halves(65536);
    for (std::size_t i = 0; i < halves.size(); ++i)
        halves[i] = static_cast<std::uint16_t>(i);
    return halves;
}

std::vector<std::uint32_t> bits_of(const std::vector<float>& values) {
    std::vector<std::uint32_t> bits;
    for (const float v : values)
        bits.push_back(std::bit_cast<std::uint32_t>(v));
    return bits;
}

using Decode = void (*)(const std::byte*, std::int64_t, float*);
using Encode = void (*)(const float*, std::int64_t, std::byte*);

std::vector<float> decode(Decode kernel, const Words& words) {
    std::vector<float> values(words.size());
    kernel(reinterpret_cast<const std::byte*>(words.data()),
           static_cast<std::int64_t>(words.size()), values.data());
    return values;
}

Words encode(Encode kernel, const std::vector<float>& values) {
    Words words(values.size());
    kernel(values.data(), static_cast<std::int64_t>(values.size()),
           reinterpret_cast<std::byte*>(words.data()));
    return words;
}

/// The value of an F16 from its definition.
double f16_value(std::uint16_t half) {
    const int exponent = half >> 10 & 0x1F;
    const int mantissa = half & 0x3FF;
    const double magnitude =
        exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
    return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

/// Neighbouring halves of one sign, the midpoint between them, and what is just beside it.
struct Midpoint {
    std::uint16_t lower;
    float below, middle, above;
};

std::vector<Midpoint> f16_midpoints() {
    std::vector<Midpoint> midpoints;
    for (const std::uint16_t sign : {0x0000, 0x8000}) {
        for (std::uint16_t magnitude = 0; magnitude < 0x7BFF; ++magnitude) {
            const auto lower = static_cast<std::uint16_t>(sign | magnitude);
            const auto middle = static_cast<float>(
                (f16_value(lower) + f16_value(static_cast<std::uint16_t>(lower + 1))) / 2);
            const float away = std::copysign(INFINITY, middle);
            midpoints.push_back(
                {lower, std::nextafter(middle, 0.0f), middle, std::nextafter(middle, away)});
        }
    }
    return midpoints;
}

std::vector<float> random_bits(std::size_t count) {
    std::mt19937 random(5);
    std::vector<float> values(count);
    for (float& v : values)
        v = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    return values;
}

}  // namespace

TEST_CASE("every F16 decodes to its value") {
    const Words halves = all_halves();
    for_each_target([&] {
        const std::vector<float> values = decode(kernels::f16_to_f32, halves);
        for (const std::uint16_t half : halves) {
            const float value = values[half];
            REQUIRE(std::bit_cast<std::uint32_t>(value) ==
                    std::bit_cast<std::uint32_t>(f16_to_f32(half)));
            if ((half & 0x7C00) != 0x7C00) REQUIRE(value == f16_value(half));
            if ((half & 0x7FFF) == 0x7C00) REQUIRE(std::isinf(value));
            if ((half & 0x7FFF) > 0x7C00) REQUIRE(std::isnan(value));
            REQUIRE(std::signbit(value) == ((half & 0x8000) != 0));
        }
    });
}

TEST_CASE("every F16 that is a number survives the way through binary32") {
    const Words halves = all_halves();
    for_each_target([&] {
        const Words back = encode(kernels::f32_to_f16, decode(kernels::f16_to_f32, halves));
        for (const std::uint16_t half : halves) {
            const bool is_nan = (half & 0x7FFF) > 0x7C00;
            REQUIRE(back[half] == (is_nan ? (half & 0x8000) | 0x7E00 : half));
        }
    });
}

TEST_CASE("halfway between two F16 the even one wins") {
    const std::vector<Midpoint> midpoints = f16_midpoints();
    std::vector<float> below, middle, above;
    for (const Midpoint& m : midpoints) {
        below.push_back(m.below);
        middle.push_back(m.middle);
        above.push_back(m.above);
    }
    for_each_target([&] {
        const Words from_below = encode(kernels::f32_to_f16, below);
        const Words from_middle = encode(kernels::f32_to_f16, middle);
        const Words from_above = encode(kernels::f32_to_f16, above);
        for (std::size_t i = 0; i < midpoints.size(); ++i) {
            const std::uint16_t lower = midpoints[i].lower;
            REQUIRE(from_below[i] == lower);
            REQUIRE(from_middle[i] == lower + (lower & 1));
            REQUIRE(from_above[i] == lower + 1);
        }
    });
}

TEST_CASE("F16 overflows from 65520 on, and any NaN becomes the one of its sign") {
    const std::vector<float> values{65519.996f,
                                    65520.0f,
                                    -65520.0f,
                                    INFINITY,
                                    -INFINITY,
                                    std::bit_cast<float>(0x7F800001u),
                                    std::bit_cast<float>(0xFFC12345u)};
    const Words expected{0x7BFF, 0x7C00, 0xFC00, 0x7C00, 0xFC00, 0x7E00, 0xFE00};
    for_each_target([&] { CHECK(encode(kernels::f32_to_f16, values) == expected); });
}

TEST_CASE("arbitrary binary32 convert on every target as in base/float16.h") {
    const std::vector<float> values = random_bits(1 << 20);
    Words halves, brains;
    for (const float v : values) {
        halves.push_back(f32_to_f16(v));
        brains.push_back(f32_to_bf16(v));
    }
    for_each_target([&] {
        CHECK((encode(kernels::f32_to_f16, values) == halves));
        CHECK((encode(kernels::f32_to_bf16, values) == brains));
    });
}

TEST_CASE("every BF16 decodes to its bits and survives the way back") {
    const Words brains = all_halves();
    for_each_target([&] {
        const std::vector<float> values = decode(kernels::bf16_to_f32, brains);
        const Words back = encode(kernels::f32_to_bf16, values);
        for (const std::uint16_t brain : brains) {
            REQUIRE(std::bit_cast<std::uint32_t>(values[brain]) == std::uint32_t{brain} << 16);
            const bool is_nan = (brain & 0x7FFF) > 0x7F80;
            REQUIRE(back[brain] == (is_nan ? brain | 0x40 : brain));
        }
    });
}

TEST_CASE("every F16 becomes the BF16 that binary32 in between would give") {
    const Words halves = all_halves();
    // Also in another order, so that each has unlike neighbours, which take another way.
    Words mixed(halves.size());
    for (std::size_t i = 0; i < halves.size(); ++i)
        mixed[i] = halves[i * 40503 % halves.size()];
    for (const Words& order : {halves, mixed}) {
        Words expected;
        for (const std::uint16_t half : order)
            expected.push_back(f32_to_bf16(f16_to_f32(half)));
        const auto first_bad = [&](std::size_t n) {
            for (std::size_t i = 0; i < n; ++i) {
                if ((order[i] & 0x7C00) == 0x7C00) return static_cast<std::int64_t>(i);
            }
            return std::int64_t{-1};
        };
        for_each_target([&] {
            for (const std::size_t n : {order.size(), order.size() - 3, std::size_t{5}}) {
                Words brains(order.size(), 0xA5A5);
                CHECK(kernels::f16_to_bf16(reinterpret_cast<const std::byte*>(order.data()),
                                           static_cast<std::int64_t>(n),
                                           reinterpret_cast<std::byte*>(brains.data())) ==
                      first_bad(n));
                Words wanted(order.size(), 0xA5A5);
                std::copy_n(expected.begin(), n, wanted.begin());
                CHECK((brains == wanted));

                Words in_place = order;
                auto* const bytes = reinterpret_cast<std::byte*>(in_place.data());
                CHECK(kernels::f16_to_bf16(bytes, static_cast<std::int64_t>(n), bytes) ==
                      first_bad(n));
                wanted = order;
                std::copy_n(expected.begin(), n, wanted.begin());
                CHECK((in_place == wanted));
            }
        });
    }
}

TEST_CASE("every F16 decodes to the same value where all are checked") {
    Words halves = all_halves();
    for_each_target([&] {
        const std::vector<float> expected = decode(kernels::f16_to_f32, halves);
        std::vector<float> values(halves.size());
        CHECK(kernels::f16_to_f32_checked(reinterpret_cast<const std::byte*>(halves.data()),
                                          static_cast<std::int64_t>(halves.size()),
                                          values.data()) == 0x7C00);
        CHECK((bits_of(values) == bits_of(expected)));
    });
}

TEST_CASE("converting F16 names the first value that is not finite") {
    const bool to_brains = GENERATE(false, true);
    for_each_target([&] {
        for (const std::size_t n : {1, 31, 64, 200}) {
            const auto convert = [&](Words halves) {
                auto* const bytes = reinterpret_cast<std::byte*>(halves.data());
                const auto count = static_cast<std::int64_t>(n);
                if (to_brains) return kernels::f16_to_bf16(bytes, count, bytes);
                std::vector<float> values(n);
                return kernels::f16_to_f32_checked(bytes, count, values.data());
            };
            // Subnormal, zero and largest.
            for (const std::uint16_t finite : {0x3C00, 0x0001, 0x0000, 0x8000, 0xFBFF}) {
                const Words plain(n, finite);
                REQUIRE(convert(plain) == -1);
                for (std::size_t at = 0; at < n; ++at) {
                    Words words = plain;
                    words[at] = at % 2 ? 0x7C00 : 0xFE01;
                    words[n - 1] = 0xFC00;
                    REQUIRE(convert(words) == static_cast<std::int64_t>(at));
                }
            }
        }
    });
}

TEST_CASE("halfway between two BF16 the even one wins") {
    std::vector<float> values;
    Words expected;
    for (std::uint32_t brain = 0; brain < 0x7F7F; ++brain) {
        const std::uint32_t middle = brain << 16 | 0x8000;
        for (const std::uint32_t bits : {middle - 1, middle, middle + 1}) {
            values.push_back(std::bit_cast<float>(bits));
            const bool up = bits > middle || (bits == middle && (brain & 1) != 0);
            expected.push_back(static_cast<std::uint16_t>(brain + (up ? 1 : 0)));
        }
    }
    for_each_target([&] { CHECK((encode(kernels::f32_to_bf16, values) == expected)); });
}

TEST_CASE("rows of every length convert, and nothing beyond them is written") {
    const std::vector<float> values = random_bits(70);
    for_each_target([&] {
        for (std::size_t n = 0; n < values.size(); ++n) {
            Words halves(values.size(), 0xA5A5);
            kernels::f32_to_f16(values.data(), static_cast<std::int64_t>(n),
                                reinterpret_cast<std::byte*>(halves.data()));
            std::vector<float> decoded(values.size(), 42.0f);
            kernels::f16_to_f32(reinterpret_cast<const std::byte*>(halves.data()),
                                static_cast<std::int64_t>(n), decoded.data());
            std::vector<float> expected(values.size(), 42.0f);
            for (std::size_t i = 0; i < halves.size(); ++i) {
                REQUIRE(halves[i] == (i < n ? f32_to_f16(values[i]) : 0xA5A5));
                if (i < n) expected[i] = f16_to_f32(halves[i]);
            }
            REQUIRE(bits_of(decoded) == bits_of(expected));
        }
    });
}

}  // namespace quantize::test

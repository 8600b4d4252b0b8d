// How the patterns are made.
#include "patterns.h"

#include <array>
#include <bit>
#include <cmath>

namespace quantize::test {
namespace {

float gaussian(std::mt19937& random) {
    std::normal_distribution<float> normal;
    return normal(random);
}

int integer(std::mt19937& random, int low, int high) {
    return std::uniform_int_distribution<int>(low, high)(random);
}

void model_like(std::span<float> values, std::mt19937& random) {
    for (float& v : values)
        v = gaussian(random) * (integer(random, 0, 99) == 0 ? 0.4f : 0.02f);
}

/// Few distinct values, so that extremes and distances tie.
void ties(std::span<float> values, std::mt19937& random) {
    for (float& v : values)
        v = 0.125f * static_cast<float>(integer(random, -9, 9));
}

void half_steps(std::span<float> values, std::mt19937& random) {
    for (float& v : values)
        v = 0.5f * static_cast<float>(integer(random, -255, 255));
}

void zeros(std::span<float> values, std::mt19937&) {
    for (float& v : values)
        v = 0.0f;
}

void signed_zeros(std::span<float> values, std::mt19937& random) {
    for (float& v : values)
        v = integer(random, 0, 1) == 0 ? 0.0f : -0.0f;
}

void sparse(std::span<float> values, std::mt19937& random) {
    for (float& v : values) {
        v = integer(random, 0, 15) == 0 ? gaussian(random) : std::copysign(0.0f, gaussian(random));
    }
}

void constant(std::span<float> values, std::mt19937& random) {
    const float value = gaussian(random);
    for (float& v : values)
        v = value;
}

void opposite_extremes(std::span<float> values, std::mt19937& random) {
    for (float& v : values)
        v = integer(random, 0, 1) == 0 ? 0.75f : -0.75f;
}

void all_positive(std::span<float> values, std::mt19937& random) {
    for (float& v : values)
        v = std::fabs(gaussian(random)) + 0.5f;
}

void subnormal(std::span<float> values, std::mt19937& random) {
    for (float& v : values) {
        const auto bits = static_cast<std::uint32_t>(integer(random, 0, 0x7FFFFF));
        v = std::copysign(std::bit_cast<float>(bits >> integer(random, 0, 23)), gaussian(random));
    }
}

/// Below and above the magnitudes at which inverses of scales overflow.
void tiny(std::span<float> values, std::mt19937& random) {
    for (float& v : values)
        v = std::ldexp(gaussian(random), integer(random, -132, -118));
}

void huge(std::span<float> values, std::mt19937& random) {
    for (float& v : values) {
        const int sign = integer(random, 0, 1) == 0 ? 1 : -1;
        v = static_cast<float>(sign) *
            std::ldexp(1.0f + 0.1f * static_cast<float>(integer(random, 0, 9)),
                       integer(random, 110, 127));
    }
}

void all_magnitudes(std::span<float> values, std::mt19937& random) {
    for (float& v : values)
        v = std::ldexp(gaussian(random), integer(random, -140, 120));
}

/// Group maxima right below powers of two, where a logarithm rounds up.
void below_powers_of_two(std::span<float> values, std::mt19937& random) {
    for (float& v : values) {
        const float power = std::ldexp(1.0f, integer(random, -14, 15));
        const auto bits = std::bit_cast<std::uint32_t>(power);
        const auto ulps = static_cast<std::uint32_t>(integer(random, 0, 60));
        v = std::copysign(std::bit_cast<float>(bits - ulps), gaussian(random));
    }
}

constexpr std::array all_patterns{
    Pattern{"model-like", model_like},
    Pattern{"ties", ties},
    Pattern{"half steps", half_steps},
    Pattern{"zeros", zeros},
    Pattern{"signed zeros", signed_zeros},
    Pattern{"sparse", sparse},
    Pattern{"constant", constant},
    Pattern{"opposite extremes", opposite_extremes},
    Pattern{"all positive", all_positive},
    Pattern{"subnormal", subnormal},
    Pattern{"tiny", tiny},
    Pattern{"huge", huge},
    Pattern{"all magnitudes", all_magnitudes},
    Pattern{"below powers of two", below_powers_of_two},
};

}  // namespace

std::span<const Pattern> patterns() {
    return all_patterns;
}

void fill_weights(std::span<float> weights, std::mt19937& random) {
    for (float& w : weights) {
        w = integer(random, 0, 9) == 0 ? 0.0f : std::exp(2.0f * gaussian(random));
    }
    for (std::size_t at = 0; at + 32 <= weights.size(); at += 32) {
        if (integer(random, 0, 7) != 0) continue;
        for (std::size_t i = 0; i < 32; ++i)
            weights[at + i] = 0.0f;
    }
}

}  // namespace quantize::test

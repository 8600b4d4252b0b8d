// Values that make encoders go wrong: ties, zeros of both signs, subnormals, extremes.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string_view>

namespace quantize::test {

struct Pattern {
    std::string_view name;
    void (*fill)(std::span<float> values, std::mt19937& random);
};

/// All patterns; every value is finite.
std::span<const Pattern> patterns();

/// Importance weights: positive, some zero, now and then a run of 32 zeros.
void fill_weights(std::span<float> weights, std::mt19937& random);

}  // namespace quantize::test

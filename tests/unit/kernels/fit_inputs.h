// Inputs for the tests of the searches: each problem of another kind, so that unlike ones share a
// vector, and those at the edges of what the searches leave out.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "plain_fits.h"

namespace quantize::kernels::inputs {

using plain::Values;

inline float draw(int kind, std::mt19937& random, float unit) {
    std::normal_distribution<float> normal;
    const float v = normal(random);
    switch (kind) {
        case 0:
            return v * unit;
        case 1:
            return std::fabs(v) * unit;
        case 2:
            return -std::fabs(v) * unit;
        case 3:
            return 0;
        case 4:
            return random() % 2 ? 0.0f : -0.0f;
        case 5:
            return unit;
        case 6:
            return static_cast<float>(static_cast<int>(random() % 17) - 8) * 0.5f * unit;
        case 7:
            return random() % 16 ? 0 : v * unit;
        case 8:
            return v * 1e-40f;
        case 9:
            return v * 1e37f;
        case 10:
            return unit * (100 + v * 0.01f);
        case 11:
            return random() % 8 ? v * unit * 1e-6f : v * unit * 1e6f;
        default:
            return v * v * v * unit;
    }
}
inline constexpr int kinds = 13;

struct Input {
    int size;
    std::vector<Values> values, weights;
    std::vector<float> flat_values, flat_weights;

    Problems problems(Weighting weighting) const {
        Problems p;
        p.values = flat_values.data();
        p.count = static_cast<std::int64_t>(values.size());
        p.size = size;
        p.weighting = weighting;
        p.importance = flat_weights.data();
        p.importance_period = static_cast<std::int64_t>(flat_weights.size());
        return p;
    }
};

inline void append(const Values& x, const Values& w, Input& input) {
    input.flat_values.insert(input.flat_values.end(), x.begin(), x.end());
    input.flat_weights.insert(input.flat_weights.end(), w.begin(), w.end());
    input.values.push_back(x);
    input.weights.push_back(w);
}

inline Input make_input(int size, int count, unsigned seed) {
    std::mt19937 random(seed);
    std::lognormal_distribution<float> lognormal;
    Input input;
    input.size = size;
    for (int p = 0; p < count; ++p) {
        const int kind = static_cast<int>(random() % kinds);
        const int weight_kind = static_cast<int>(random() % 4);
        const float unit = std::pow(10.0f, static_cast<float>(static_cast<int>(random() % 9) - 6));
        Values x, w;
        for (int i = 0; i < size; ++i) {
            x.push_back(draw(kind, random, unit));
            const float weight = lognormal(random);
            w.push_back(weight_kind == 0 ? 1 : weight_kind == 1 && random() % 3 ? 0 : weight);
        }
        if (weight_kind == 3 && random() % 4 == 0) std::ranges::fill(w, 0.0f);
        append(x, w, input);
    }
    return input;
}

/// Values that lie within a few units in the last place of where a level changes from one candidate
/// of the sweep to the next, over a range of one.
inline float near_a_step(const AffineSpec& spec, std::mt19937& random) {
    const auto k = static_cast<float>(random() % static_cast<unsigned>(spec.last + 1));
    const float spread = spec.first + spec.step * k + static_cast<float>(spec.levels);
    const auto level = static_cast<float>(random() % static_cast<unsigned>(spec.levels + 1));
    const float x = std::min((level + 0.5f) / spread, 1.0f);
    return x * (1 + 0x1p-24f * static_cast<float>(static_cast<int>(random() % 9) - 4));
}

/// Problems at the edges of what the affine search leaves out: candidates that repeat the levels of
/// the one before, and clamps that no level reaches.
inline Input make_edges(const AffineSpec& spec, int size, int count, unsigned seed) {
    std::mt19937 random(seed);
    std::lognormal_distribution<float> lognormal(0, 2);
    Input input;
    input.size = size;
    for (int p = 0; p < count; ++p) {
        const float unit = std::ldexp(1.0f, static_cast<int>(random() % 40) - 30);
        const bool is_narrow = random() % 3 == 0;
        const bool is_flat = random() % 2 == 0;
        Values x, w;
        for (int i = 0; i < size; ++i) {
            // Narrow: all values negative and a few units in the last place apart.
            x.push_back(unit * (is_narrow ? -1.9f - 0x1p-23f * static_cast<float>(random() % 64)
                                          : near_a_step(spec, random)));
            w.push_back(is_flat ? 1 : lognormal(random));
        }
        if (!is_narrow) {
            x[0] = random() % 2 ? 0 : -unit * lognormal(random);
            x[1] = unit;
        }
        append(x, w, input);
    }
    return input;
}

/// Values of so many binary digits, all ones among them, over five powers of two up to `top`. The
/// weights are their magnitudes, or have all digits.
inline Input make_short(int digits, float top, bool weighs_by_magnitude, int size, int count) {
    std::mt19937 random(1);
    std::lognormal_distribution<float> lognormal;
    Input input;
    input.size = size;
    for (int p = 0; p < count; ++p) {
        Values x, w;
        for (int i = 0; i < size; ++i) {
            const unsigned all_ones = (1U << digits) - 1;
            const unsigned number = random() % 4 == 0 ? all_ones : random() % (all_ones + 1);
            const int power = -digits - static_cast<int>(random() % 5);
            const float magnitude = top * std::ldexp(static_cast<float>(number), power);
            x.push_back(random() % 2 ? magnitude : -magnitude);
            w.push_back(weighs_by_magnitude ? magnitude : lognormal(random));
        }
        append(x, w, input);
    }
    return input;
}

/// Weights as Weighting::rms_plus_magnitude defines them.
inline Values rms_plus_magnitude(const Values& x) {
    float squares = 0;
    for (const float v : x)
        squares += v * v;
    Values w;
    for (const float v : x)
        w.push_back(std::sqrt(squares / static_cast<float>(x.size())) + std::fabs(v));
    return w;
}

/// Problems that fill whole tiles with copies of themselves, so that a candidate that is left out
/// where all lanes lose by their sums is left out for this one alone. Many have nearly the same
/// error for several candidates, down to what rounding makes of none: values on few points.
inline Input make_copies(int size, int count, unsigned seed) {
    constexpr int copies = 32;
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    Input input;
    input.size = size;
    for (int p = 0; p < count; ++p) {
        const unsigned points = 2 + random() % 40;
        const unsigned kind = random() % 4;
        const float unit = std::ldexp(1.0f, static_cast<int>(random() % 60) - 40);
        const float shift = kind == 2 ? normal(random) : 0.5f;
        Values x;
        for (int i = 0; i < size; ++i) {
            const float point = static_cast<float>(random() % points) / static_cast<float>(points);
            const float far = random() % 64 == 0 ? 8 : 1;
            x.push_back(unit * (kind == 0 ? normal(random) * far : point - shift));
        }
        const Values w = rms_plus_magnitude(x);
        for (int copy = 0; copy < copies; ++copy)
            append(x, w, input);
    }
    return input;
}

/// Problems whose values lie on one side of zero, many with zeros of either sign at the end of
/// their range: which sign the smallest value has shows in the min.
inline Input make_one_sided(int size, int count, Weighting weighting) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    Input input;
    input.size = size;
    for (int p = 0; p < count; ++p) {
        const float side = random() % 2 ? 1.0f : -1.0f;
        const unsigned zeros = random() % 4;
        Values x, w;
        for (int i = 0; i < size; ++i) {
            const float zero = random() % 2 ? 0.0f : -0.0f;
            const float value = side * std::fabs(normal(random));
            x.push_back(random() % 4 < zeros ? zero : value);
            w.push_back(std::fabs(x.back()));
        }
        append(x, weighting == Weighting::magnitude ? w : rms_plus_magnitude(x), input);
    }
    return input;
}

/// What the sweeps find for a set of problems: eight arrays of their count, one after the other.
inline std::vector<float> sweep_all(const Problems& problems) {
    const auto count = static_cast<std::size_t>(problems.count);
    std::vector<float> found(8 * count);
    float* const at = found.data();
    fit_symmetric(symmetric_sweep(8), problems, {at, at + count, at + 2 * count});
    fit_affine({15, -0.9f, 0.05f, 36, false}, problems,
               {at + 3 * count, at + 4 * count, at + 5 * count, at + 6 * count, at + 7 * count});
    return found;
}

/// Results as bits; every NaN counts as one.
inline std::vector<std::uint32_t> bits_of(std::span<const float> values) {
    std::vector<std::uint32_t> bits;
    for (const float v : values)
        bits.push_back(std::isnan(v) ? 0x7FC00000u : std::bit_cast<std::uint32_t>(v));
    return bits;
}

}  // namespace quantize::kernels::inputs

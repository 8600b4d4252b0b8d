// The searches against plain scalar forms of their definitions, one problem at a time, on every
// target: results must have the same bits, whatever the problem's neighbours in the vector are.
#include "kernels/fit.h"

#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "targets.h"

namespace quantize::kernels {
namespace {

int nearest(float v) {
    const float shifted = v + 12582912.0f;
    return static_cast<int>(std::bit_cast<std::uint32_t>(shifted) & 0x007FFFFFu) - 0x00400000;
}

int clamped(float v, int lowest, int highest) {
    return std::clamp(nearest(v), lowest, highest);
}

using Values = std::vector<float>;

struct Affine {
    float scale, min, inverse, base, weight_sum;
    bool min_above_all = false;  ///< rounding errors took a min above all values
};

float affine_error(const AffineSpec& spec, const Values& x, const Values& w,
                   const std::vector<int>& levels, float scale, float min) {
    float sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const float diff = scale * static_cast<float>(levels[i]) + min - x[i];
        sum += w[i] * (spec.absolute_error ? std::fabs(diff) : diff * diff);
    }
    return sum;
}

std::vector<int> affine_levels(const AffineSpec& spec, const Values& x, float inverse, float base) {
    std::vector<int> levels;
    for (const float v : x)
        levels.push_back(clamped(inverse * (v - base), 0, spec.levels));
    return levels;
}

Affine plain_affine(const AffineSpec& spec, const Values& x, const Values& w) {
    float min = x[0], max = x[0], sum_w = w[0], sum_x = w[0] * x[0];
    for (std::size_t i = 1; i < x.size(); ++i) {
        if (x[i] < min) min = x[i];
        if (x[i] > max) max = x[i];
        sum_w += w[i];
        sum_x += w[i] * x[i];
    }
    if (min > 0) min = 0;
    if (max <= min) return {0, -min, 0, 0, sum_w + 0.0f};
    const auto highest = static_cast<float>(spec.levels);
    float inverse = highest / (max - min), base = min, scale = 1 / inverse;
    float best = affine_error(spec, x, w, affine_levels(spec, x, inverse, base), scale, min);
    bool min_above_all = false;
    for (int k = 0; k <= spec.last; ++k) {
        const float trial =
            (spec.first + spec.step * static_cast<float>(k) + highest) / (max - min);
        const std::vector<int> levels = affine_levels(spec, x, trial, min);
        float l = 0, ll = 0, xl = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto level = static_cast<float>(levels[i]);
            l += w[i] * level;
            ll += w[i] * level * level;
            xl += w[i] * level * x[i];
        }
        const float determinant = sum_w * ll - l * l;
        if (!(determinant > 0)) continue;
        float new_scale = (sum_w * xl - sum_x * l) / determinant;
        float new_min = (ll * sum_x - l * xl) / determinant;
        if (new_min > 0) {
            new_min = 0;
            new_scale = xl / ll;
        }
        const float error = affine_error(spec, x, w, levels, new_scale, new_min);
        if (!(error < best)) continue;
        best = error;
        scale = new_scale;
        inverse = trial;
        base = min;
        min = new_min;
        min_above_all |= min > max;
    }
    return {scale, -min, inverse, base, sum_w + 0.0f, min_above_all};
}

float first_largest(const Values& x) {
    float largest = 0;
    for (const float v : x) {
        if (std::fabs(v) > std::fabs(largest)) largest = v;
    }
    return largest;
}

struct Sums {
    float xl = 0, ll = 0;
};

Sums level_sums(const Values& x, const Values& w, const std::vector<int>& levels) {
    Sums sums;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto level = static_cast<float>(levels[i]);
        sums.xl += w[i] * x[i] * level;
        sums.ll += w[i] * level * level;
    }
    return sums;
}

std::vector<int> product_levels(const Values& x, float inverse, int lowest, int highest) {
    std::vector<int> levels;
    for (const float v : x)
        levels.push_back(clamped(inverse * v, lowest, highest));
    return levels;
}

struct Symmetric {
    float scale, inverse;
};

Symmetric plain_symmetric(const SymmetricSpec& spec, const Values& x, const Values& w) {
    const float largest = first_largest(x);
    if (std::fabs(largest) < smallest_magnitude) return {0, 0};
    const auto half = static_cast<float>(spec.levels);
    Symmetric found{0, -half / largest};
    Sums sums = level_sums(x, w, product_levels(x, found.inverse, -spec.levels, spec.levels - 1));
    found.scale = sums.ll == 0 ? 0 : sums.xl / sums.ll;
    float best = found.scale * sums.xl;
    for (int k = -spec.reach; k <= spec.reach; ++k) {
        if (k == 0) continue;
        const float trial = -(half + spec.step * static_cast<float>(k)) / largest;
        sums = level_sums(x, w, product_levels(x, trial, -spec.levels, spec.levels - 1));
        if (sums.ll > 0 && sums.xl * sums.xl > best * sums.ll) {
            found = {sums.xl / sums.ll, trial};
            best = found.scale * sums.xl;
        }
    }
    return found;
}

/// The descent of both searches; `unsigned_bytes` for that of positive values.
float plain_descent(const Values& x, const Values& w, std::vector<int>& levels, Sums sums,
                    int lowest, int highest, bool unsigned_bytes) {
    for (int round = 0; round < 5; ++round) {
        bool moved = false;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto old = static_cast<float>(levels[i]);
            Sums trial{sums.xl - w[i] * x[i] * old, sums.ll - w[i] * old * old};
            if (!(trial.xl > 0) || (unsigned_bytes && !(trial.ll > 0))) continue;
            const int wanted = clamped(x[i] * trial.ll / trial.xl, lowest, highest);
            if (wanted == levels[i]) continue;
            const auto level = static_cast<float>(wanted);
            trial.xl += w[i] * x[i] * level;
            trial.ll += w[i] * level * level;
            if (!unsigned_bytes && !(trial.ll > 0)) continue;
            if (!(trial.xl * trial.xl * sums.ll > sums.xl * sums.xl * trial.ll)) continue;
            levels[i] = unsigned_bytes ? wanted & 0xFF : wanted;
            sums = trial;
            moved = true;
        }
        if (!moved) break;
    }
    return sums.ll > 0 ? sums.xl / sums.ll : 0;
}

struct Levelled {
    float scale = 0;
    std::vector<int> levels;
};

Levelled plain_symmetric_descent(int half, const Values& x) {
    Values w;
    for (const float v : x)
        w.push_back(v * v);
    const float largest = first_largest(x);
    if (std::fabs(largest) < smallest_magnitude) return {0, std::vector<int>(x.size(), 0)};
    Levelled found;
    found.levels = product_levels(x, static_cast<float>(-half) / largest, -half, half - 1);
    const Sums sums = level_sums(x, w, found.levels);
    found.scale = plain_descent(x, w, found.levels, sums, -half, half - 1, false);
    for (int& level : found.levels)
        level += half;
    return found;
}

Levelled plain_positive(const PositiveSpec& spec, const Values& x, const Values& w) {
    float largest = 0;
    for (const float v : x)
        largest = largest > v ? largest : v;
    if (largest < smallest_magnitude) return {0, std::vector<int>(x.size(), 0)};
    constexpr int any = -(1 << 30);
    const auto highest = static_cast<float>(spec.levels);
    const auto error = [&](float inverse, bool start) {
        const float scale = 1 / inverse;
        float sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const int level = nearest(inverse * x[i]);
            const int used = start ? level & 0xFF : std::min(level, spec.levels);
            const float diff = x[i] - scale * static_cast<float>(used);
            sum += w[i] * diff * diff;
        }
        return sum;
    };
    float inverse = highest / largest;
    float best = error(inverse, true);
    for (int k = -spec.reach; k <= spec.reach; ++k) {
        if (k == 0) continue;
        const float trial = (spec.step * static_cast<float>(k) + highest) / largest;
        const float e = error(trial, false);
        if (e < best) {
            best = e;
            inverse = trial;
        }
    }
    Levelled found;
    found.levels = product_levels(x, inverse, any, spec.levels);
    const Sums sums = level_sums(x, w, found.levels);
    for (int& level : found.levels)
        level &= 0xFF;
    found.scale = plain_descent(x, w, found.levels, sums, any, spec.levels, true);
    return found;
}

// Inputs: each problem of another kind, so that unlike ones share a vector.

float draw(int kind, std::mt19937& random, float unit) {
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
constexpr int kinds = 13;

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

void append(const Values& x, const Values& w, Input& input) {
    input.flat_values.insert(input.flat_values.end(), x.begin(), x.end());
    input.flat_weights.insert(input.flat_weights.end(), w.begin(), w.end());
    input.values.push_back(x);
    input.weights.push_back(w);
}

Input make_input(int size, int count, unsigned seed) {
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
float near_a_step(const AffineSpec& spec, std::mt19937& random) {
    const auto k = static_cast<float>(random() % static_cast<unsigned>(spec.last + 1));
    const float spread = spec.first + spec.step * k + static_cast<float>(spec.levels);
    const auto level = static_cast<float>(random() % static_cast<unsigned>(spec.levels + 1));
    const float x = std::min((level + 0.5f) / spread, 1.0f);
    return x * (1 + 0x1p-24f * static_cast<float>(static_cast<int>(random() % 9) - 4));
}

/// Problems at the edges of what the affine search leaves out: candidates that repeat the levels of
/// the one before, and clamps that no level reaches.
Input make_edges(const AffineSpec& spec, int size, int count, unsigned seed) {
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

/// Equal bits; every NaN counts as one.
bool same(float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
           (std::isnan(a) && std::isnan(b));
}

constexpr int counts[] = {1, 7, 64, 301};

template <class Body>
void for_each_input(int size, const Body& body) {
    test::for_each_target([&] {
        for (const int count : counts) {
            for (unsigned seed = 1; seed <= 3; ++seed) {
                INFO(count << " problems of " << size << ", seed " << seed);
                body(make_input(size, count, seed));
            }
        }
    });
}

/// Returns how many problems had a min above all values on the way.
int check_affine_input(const AffineSpec& spec, const Input& input) {
    const std::size_t count = input.values.size();
    std::vector<float> scale(count), min(count), inverse(count), base(count), sum(count);
    fit_affine(spec, input.problems(Weighting::importance),
               {scale.data(), min.data(), inverse.data(), base.data(), sum.data()});
    int above_all = 0;
    for (std::size_t p = 0; p < count; ++p) {
        const Affine plain = plain_affine(spec, input.values[p], input.weights[p]);
        INFO("problem " << p);
        REQUIRE(same(scale[p], plain.scale));
        REQUIRE(same(min[p], plain.min));
        REQUIRE(same(inverse[p], plain.inverse));
        REQUIRE(same(base[p], plain.base));
        REQUIRE(same(sum[p], plain.weight_sum));
        above_all += plain.min_above_all;
    }
    return above_all;
}

void check_affine(const AffineSpec& spec, int size) {
    for_each_input(size, [&](const Input& input) { check_affine_input(spec, input); });
    test::for_each_target([&] {
        int above_all = 0;
        for (unsigned seed = 1; seed <= 4; ++seed) {
            INFO("edges, seed " << seed);
            above_all += check_affine_input(spec, make_edges(spec, size, 5000, seed));
        }
        // Otherwise the inputs have lost what they are there for. A min so far off does not win
        // where the squares of errors count.
        if (spec.absolute_error) CHECK(above_all > 0);
    });
}

TEST_CASE("affine fits have the bits of the plain search") {
    check_affine({3, -0.5f, 0.1f, 15, true}, 16);
    check_affine({3, -0.9f, 0.05f, 36, false}, 16);
    check_affine({15, -1.0f, 0.1f, 20, false}, 32);
    check_affine({31, -0.9f, 0.05f, 36, false}, 32);
}

TEST_CASE("symmetric fits have the bits of the plain search") {
    for (const auto& [levels, size] : {std::pair{4, 16}, {32, 16}, {8, 32}, {16, 32}}) {
        const SymmetricSpec spec = symmetric_sweep(levels);
        for_each_input(size, [&](const Input& input) {
            const std::size_t count = input.values.size();
            std::vector<float> scale(count), inverse(count), sum(count);
            fit_symmetric(spec, input.problems(Weighting::importance),
                          {scale.data(), inverse.data(), sum.data()});
            for (std::size_t p = 0; p < count; ++p) {
                const Symmetric plain = plain_symmetric(spec, input.values[p], input.weights[p]);
                INFO("problem " << p);
                REQUIRE(same(scale[p], plain.scale));
                REQUIRE(same(inverse[p], plain.inverse));
            }
        });
    }
}

TEST_CASE("descents have the scale and the levels of the plain search") {
    for_each_input(16, [](const Input& input) {
        const std::size_t count = input.values.size();
        std::vector<float> scale(count);
        std::vector<std::uint8_t> levels(count * 16);
        const auto check = [&](const auto& plain_search) {
            for (std::size_t p = 0; p < count; ++p) {
                const Levelled plain = plain_search(input.values[p], input.weights[p]);
                INFO("problem " << p);
                REQUIRE(same(scale[p], plain.scale));
                REQUIRE(std::equal(plain.levels.begin(), plain.levels.end(),
                                   levels.begin() + static_cast<std::ptrdiff_t>(p * 16)));
            }
        };
        fit_symmetric_descent(4, input.problems(Weighting::square), scale.data(), levels.data());
        check([](const Values& x, const Values&) { return plain_symmetric_descent(4, x); });
        std::vector<float> scale_alone(count);
        fit_symmetric_descent(4, input.problems(Weighting::square), scale_alone.data(), nullptr);
        for (std::size_t p = 0; p < count; ++p)
            REQUIRE(same(scale_alone[p], scale[p]));
        for (const int highest : {15, 63}) {
            const PositiveSpec spec = positive_sweep(highest);
            fit_positive(spec, input.problems(Weighting::importance), scale.data(), levels.data());
            check([&](const Values& x, const Values& w) { return plain_positive(spec, x, w); });
        }
    });
}

TEST_CASE("weightings follow their definitions") {
    for_each_input(32, [](const Input& input) {
        const std::size_t count = input.values.size();
        const SymmetricSpec spec = symmetric_sweep(8);
        std::vector<float> variance(count), scale(count), inverse(count), sum(count);
        for (std::size_t p = 0; p < count; ++p)
            variance[p] = static_cast<float>(p % 5) * 0.25f;
        for (const Weighting weighting :
             {Weighting::square, Weighting::magnitude, Weighting::rms_plus_magnitude,
              Weighting::importance, Weighting::importance_spread}) {
            Problems problems = input.problems(weighting);
            problems.variance = variance.data();
            fit_symmetric(spec, problems, {scale.data(), inverse.data(), sum.data()});
            for (std::size_t p = 0; p < count; ++p) {
                const Values& x = input.values[p];
                float squares = 0;
                for (const float v : x)
                    squares += v * v;
                Values w;
                for (std::size_t i = 0; i < x.size(); ++i) {
                    const float importance = input.weights[p][i];
                    switch (weighting) {
                        case Weighting::square:
                            w.push_back(x[i] * x[i]);
                            break;
                        case Weighting::magnitude:
                            w.push_back(std::fabs(x[i]));
                            break;
                        case Weighting::rms_plus_magnitude:
                            w.push_back(std::sqrt(squares / 32) + std::fabs(x[i]));
                            break;
                        case Weighting::importance:
                            w.push_back(importance);
                            break;
                        case Weighting::importance_spread:
                            w.push_back(importance * std::sqrt(variance[p] + x[i] * x[i]));
                            break;
                    }
                }
                float weight_sum = 0;
                for (const float v : w)
                    weight_sum += v;
                INFO("weighting " << static_cast<int>(weighting) << ", problem " << p);
                REQUIRE(same(sum[p], weight_sum));
                REQUIRE(same(scale[p], plain_symmetric(spec, x, w).scale));
            }
        }
    });
}

TEST_CASE("importance rows repeat from any offset") {
    const Input input = make_input(16, 40, 5);
    Problems problems = input.problems(Weighting::importance);
    problems.importance_period = 16 * 6;
    problems.importance_offset = 16 * 4;
    std::vector<float> scale(40), inverse(40), sum(40);
    fit_symmetric(symmetric_sweep(4), problems, {scale.data(), inverse.data(), sum.data()});
    for (std::size_t p = 0; p < 40; ++p) {
        float expected = 0;
        for (const float v : input.weights[(4 + p) % 6])
            expected += v;
        REQUIRE(same(sum[p], expected));
    }
}

TEST_CASE("sums of squares are taken in order") {
    test::for_each_target([] {
        for (const auto& [rows, cols] : {std::pair{1, 256}, {16, 256}, {37, 96}, {3, 4100}}) {
            const Input input = make_input(4, rows * cols / 4, 9);
            std::vector<float> sums(static_cast<std::size_t>(rows));
            sum_squares(input.flat_values.data(), rows, cols, sums.data());
            for (int row = 0; row < rows; ++row) {
                float expected = 0;
                for (int i = 0; i < cols; ++i) {
                    const float v = input.flat_values[static_cast<std::size_t>(row * cols + i)];
                    expected += v * v;
                }
                REQUIRE(same(sums[static_cast<std::size_t>(row)], expected));
            }
        }
    });
}

}  // namespace
}  // namespace quantize::kernels

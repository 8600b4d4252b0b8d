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

#include "fit_inputs.h"
#include "plain_fits.h"
#include "targets.h"

namespace quantize::kernels {
namespace {

using namespace inputs;
using namespace plain;

/// Equal bits; every NaN counts as one.
bool same(float a, float b) {
    return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b) ||
           (std::isnan(a) && std::isnan(b));
}

bool same(const Values& a, const Values& b) {
    return std::ranges::equal(a, b, [](float x, float y) { return same(x, y); });
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
int check_affine_input(const AffineSpec& spec, const Input& input,
                       Weighting weighting = Weighting::importance) {
    const std::size_t count = input.values.size();
    std::vector<float> scale(count), min(count), inverse(count), base(count), sum(count);
    fit_affine(spec, input.problems(weighting),
               {scale.data(), min.data(), sum.data(), inverse.data(), base.data()});
    // Searches that do not keep what they have their levels by leave out more.
    std::vector<float> bare_scale(count), bare_min(count), bare_sum(count);
    fit_affine(spec, input.problems(weighting),
               {bare_scale.data(), bare_min.data(), bare_sum.data()});
    int above_all = 0;
    Affine plain{};
    for (std::size_t p = 0; p < count; ++p) {
        if (p == 0 || !same(input.values[p], input.values[p - 1]) ||
            !same(input.weights[p], input.weights[p - 1]))
            plain = plain_affine(spec, input.values[p], input.weights[p]);
        INFO("problem " << p);
        REQUIRE(same(scale[p], plain.scale));
        REQUIRE(same(min[p], plain.min));
        REQUIRE(same(inverse[p], plain.inverse));
        REQUIRE(same(base[p], plain.base));
        REQUIRE(same(sum[p], plain.weight_sum));
        REQUIRE(same(bare_scale[p], plain.scale));
        REQUIRE(same(bare_min[p], plain.min));
        REQUIRE(same(bare_sum[p], plain.weight_sum));
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

TEST_CASE("affine fits have the bits of the plain search where products may be exact") {
    test::for_each_target([] {
        for (const int digits : {8, 11, 12, 13, 24}) {
            for (const float top : {0x1p-61f, 0x1p-39f, 1.0f, 0x1p39f, 0x1p41f, 0x1p64f}) {
                INFO(digits << " digits up to " << top);
                const AffineSpec spec{3, -0.5f, 0.1f, 15, true};
                check_affine_input(spec, make_short(digits, top, true, 16, 500),
                                   Weighting::magnitude);
                check_affine_input(spec, make_short(digits, top, false, 16, 500));
            }
        }
    });
}

TEST_CASE("affine fits have the bits of the plain search where candidates lose by their sums") {
    const AffineSpec specs[] = {{15, -1.0f, 0.1f, 20, false}, {31, -0.5f, 0.1f, 15, false}};
    test::for_each_target([&] {
        for (const AffineSpec& spec : specs) {
            for (const int size : {16, 32}) {
                INFO(spec.levels << " levels, problems of " << size);
                check_affine_input(spec, make_copies(size, 1000, 1), Weighting::rms_plus_magnitude);
                Input input = make_input(size, 301, 1);
                for (std::size_t p = 0; p < input.values.size(); ++p)
                    input.weights[p] = rms_plus_magnitude(input.values[p]);
                check_affine_input(spec, input, Weighting::rms_plus_magnitude);
            }
        }
    });
}

TEST_CASE("affine fits have the bits of the plain search where zero ends the range") {
    test::for_each_target([] {
        for (const Weighting weighting : {Weighting::magnitude, Weighting::rms_plus_magnitude}) {
            check_affine_input({3, -0.5f, 0.1f, 15, true}, make_one_sided(16, 2000, weighting),
                               weighting);
            check_affine_input({15, -1.0f, 0.1f, 20, false}, make_one_sided(32, 2000, weighting),
                               weighting);
        }
    });
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

TEST_CASE("a symmetric descent goes through all its rounds among many problems") {
    // Mostly problems that take three rounds or more, so that each leaves more than a vector holds.
    std::mt19937 random(1);
    Input input;
    input.size = 16;
    std::vector<Levelled> expected;
    int rounds[6] = {};
    for (int p = 0; p < 150'000; ++p) {
        Values x;
        for (int i = 0; i < 16; ++i)
            x.push_back(draw(0, random, 0.02f));
        // Only where the largest is negative does a level ever move.
        if (first_largest(x) > 0) continue;
        const Levelled plain = plain_symmetric_descent(4, x);
        if (plain.rounds < 3 && p % 50 != 0) continue;
        append(x, x, input);
        expected.push_back(plain);
        ++rounds[plain.rounds];
    }
    CHECK(rounds[0] > 100);
    CHECK(rounds[3] > 1000);
    CHECK(rounds[4] > 100);
    CHECK(rounds[5] > 3);
    const std::size_t count = expected.size();
    test::for_each_target([&] {
        std::vector<float> scale(count);
        std::vector<std::uint8_t> levels(count * 16);
        fit_symmetric_descent(4, input.problems(Weighting::square), scale.data(), levels.data());
        for (std::size_t p = 0; p < count; ++p) {
            INFO("problem " << p << ", rounds " << expected[p].rounds);
            const auto row = static_cast<std::ptrdiff_t>(p * 16);
            REQUIRE(same(scale[p], expected[p].scale));
            REQUIRE(std::equal(expected[p].levels.begin(), expected[p].levels.end(),
                               levels.begin() + row));
            if (expected[p].rounds < 5) continue;
            // Alone it goes another way.
            Problems problem = input.problems(Weighting::square);
            problem.values = problem.values.from(row);
            problem.count = 1;
            float scale_alone = 0;
            fit_symmetric_descent(4, problem, &scale_alone, levels.data() + row);
            REQUIRE(same(scale_alone, scale[p]));
            REQUIRE(std::equal(expected[p].levels.begin(), expected[p].levels.end(),
                               levels.begin() + row));
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
                const Values rms = rms_plus_magnitude(x);
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
                            w.push_back(rms[i]);
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
        for (const auto& [rows, cols] :
             {std::pair{1, 256}, {16, 256}, {37, 96}, {3, 4100}, {21, 1040}}) {
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

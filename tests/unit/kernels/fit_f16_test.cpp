// What reads F16 where it lies, against the same values in binary32, bit for bit, on every target.
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <vector>

#include "fit_inputs.h"
#include "halves.h"
#include "kernels/fit.h"
#include "targets.h"

namespace quantize::kernels {
namespace {

using namespace inputs;

/// All that the searches find, as bits.
std::vector<std::uint32_t> fit_all(const Problems& problems) {
    std::vector<float> found = sweep_all(problems);
    if (problems.weighting == Weighting::square) {
        std::vector<float> descended(static_cast<std::size_t>(problems.count));
        fit_symmetric_descent(4, problems, descended.data(), nullptr);
        found.insert(found.end(), descended.begin(), descended.end());
    }
    return bits_of(found);
}

constexpr Weighting weightings[] = {Weighting::square, Weighting::magnitude,
                                    Weighting::rms_plus_magnitude, Weighting::importance,
                                    Weighting::importance_spread};

}  // namespace

TEST_CASE("searches find in F16 what they find in binary32") {
    for (const int size : {8, 16, 24, 32}) {
        for (const int count : {1, 5, 32, 33, 70}) {
            Input input = make_input(size, count, static_cast<unsigned>(size + count));
            Halves halves(input.flat_values);
            const std::vector<float> variance(static_cast<std::size_t>(count), 0.25f);
            test::for_each_target([&] {
                for (const Weighting weighting : weightings) {
                    INFO("size " << size << ", count " << count << ", weighting "
                                 << static_cast<int>(weighting));
                    Problems problems = input.problems(weighting);
                    const bool weighted = weighting == Weighting::importance ||
                                          weighting == Weighting::importance_spread;
                    if (!weighted) problems.importance = nullptr;
                    // Rows of weights that start again in the midst of a tile.
                    if (count == 70) problems.importance_period = std::int64_t{5} * size;
                    problems.variance = variance.data();
                    const auto expected = fit_all(problems);
                    problems.values = halves.values();
                    REQUIRE((fit_all(problems) == expected));
                }
            });
        }
    }
}

TEST_CASE("sums of squares of F16 are those of binary32") {
    test::for_each_target([] {
        for (const auto& [rows, cols] : {std::pair{1, 256}, {64, 256}, {37, 96}, {3, 8}}) {
            Input input = make_input(4, rows * cols / 4, 9);
            Halves halves(input.flat_values);
            std::vector<float> expected(static_cast<std::size_t>(rows)), sums = expected;
            sum_squares(input.flat_values.data(), rows, cols, expected.data());
            sum_squares(halves.values(), rows, cols, sums.data());
            INFO(rows << " x " << cols);
            REQUIRE(sums == expected);
        }
    });
}

}  // namespace quantize::kernels

// The grid types IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS, IQ3_S: every target against scalar, cuts of rows,
// closeness of what is decoded, and the inputs for which the reference aborts.
#include <algorithm>
#include <array>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/float16.h"
#include "quantize/format.h"
#include "targets.h"

namespace quantize::test {
namespace {

constexpr std::int64_t cols = 768;  // three super-blocks: no multiple of any vector

struct LatticeType {
    TensorType type;
    double relative_error;  ///< of Gaussian values: root mean square over that of the values
};
constexpr std::array lattice_types{
    LatticeType{TensorType::IQ2_XXS, 0.42}, LatticeType{TensorType::IQ2_XS, 0.38},
    LatticeType{TensorType::IQ2_S, 0.33},   LatticeType{TensorType::IQ3_XXS, 0.24},
    LatticeType{TensorType::IQ3_S, 0.20},
};

std::vector<std::byte> encode(TensorType type, const std::vector<float>& values,
                              const float* weights) {
    std::vector<std::byte> blocks(row_bytes(type, values.size()));
    const auto rows = static_cast<std::int64_t>(values.size()) / cols;
    find_format(type)->encode(values.data(), rows, cols, weights, blocks.data());
    return blocks;
}

std::vector<float> decode(TensorType type, const std::vector<std::byte>& blocks) {
    const TypeInfo& info = type_info(type);
    std::vector<float> values(blocks.size() / info.block_bytes * info.block_elems);
    find_format(type)->decode(blocks.data(), static_cast<std::int64_t>(values.size()),
                              values.data());
    return values;
}

double relative_error(const std::vector<float>& values, const std::vector<float>& decoded) {
    double error = 0;
    double square = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        error += std::pow(static_cast<double>(values[i]) - decoded[i], 2);
        square += std::pow(static_cast<double>(values[i]), 2);
    }
    return std::sqrt(error / square);
}

std::vector<float> make(std::size_t count, const std::function<float()>& next) {
    std::vector<float> values(count);
    std::ranges::generate(values, next);
    return values;
}

struct Data {
    std::string name;
    std::vector<float> values;
};

/// Rows of every kind that has tripped a search: ties, zeros, extremes.
std::vector<Data> make_rows() {
    std::mt19937 random(7);
    std::normal_distribution<float> gauss;
    std::uniform_real_distribution<float> uniform;
    constexpr std::size_t count = 2 * cols;
    std::vector<Data> all;
    all.push_back({"gauss", make(count, [&] { return gauss(random) * 0.02f; })});
    all.push_back(
        {"wide", make(count, [&] { return gauss(random) * std::exp(3 * gauss(random)); })});
    all.push_back({"halves", make(count, [&] { return std::round(2 * gauss(random)) / 2; })});
    all.push_back({"powers", make(count, [&] {
                       return std::ldexp(uniform(random) < 0.5f ? -1.0f : 1.0f,
                                         static_cast<int>(8 * uniform(random)));
                   })});
    all.push_back(
        {"sparse", make(count, [&] { return uniform(random) < 0.95f ? 0.0f : gauss(random); })});
    all.push_back({"signed zeros",
                   make(count, [&] { return uniform(random) < 0.5f ? -0.0f : gauss(random); })});
    all.push_back({"subnormal", make(count, [&] { return gauss(random) * 1e-41f; })});
    all.push_back({"tiny", make(count, [&] { return gauss(random) * 1e-15f; })});
    all.push_back({"large", make(count, [&] { return gauss(random) * 1e18f; })});
    all.push_back({"constant", make(count, [] { return -0.25f; })});
    all.push_back({"zeros", make(count, [] { return 0.0f; })});
    auto outlier = make(count, [&] { return gauss(random); });
    for (std::size_t i = 0; i < count; i += 97)
        outlier[i] *= 1e7f;
    all.push_back({"outliers", outlier});
    return all;
}

std::vector<Data> make_weights() {
    std::mt19937 random(11);
    std::normal_distribution<float> gauss;
    std::vector<Data> all;
    all.push_back({"lognormal", make(cols, [&] { return std::exp(gauss(random)); })});
    all.push_back({"ones", make(cols, [] { return 1.0f; })});
    all.push_back({"zeros", make(cols, [] { return 0.0f; })});
    all.push_back({"extreme", make(cols, [&] { return std::exp(40 * gauss(random)); })});
    auto gaps = make(cols, [&] { return std::exp(gauss(random)); });
    std::fill(gaps.begin() + 32, gaps.begin() + 160, 0.0f);
    for (std::size_t i = 300; i < gaps.size(); i += 3)
        gaps[i] = 0.0f;
    all.push_back({"gaps", gaps});
    return all;
}

/// Calls `body(type, values, weights or null, name)` for all types, rows and weights.
template <class Body>
void for_each_case(const Body& body) {
    const std::vector<Data> weights = make_weights();
    for (const LatticeType& lattice : lattice_types) {
        const bool needs = find_format(lattice.type)->weight_use == WeightUse::required;
        for (const Data& rows : make_rows()) {
            const std::string name = std::string(type_name(lattice.type)) + ", " + rows.name;
            if (!needs) body(lattice.type, rows.values, nullptr, name);
            for (const Data& w : weights) {
                body(lattice.type, rows.values, w.values.data(), name + ", " + w.name);
            }
        }
    }
}

TEST_CASE("lattice types: every target writes what scalar writes") {
    std::vector<std::vector<std::byte>> expected;
    kernels::pin_target("scalar");
    for_each_case([&](TensorType type, const std::vector<float>& values, const float* weights,
                      const std::string&) { expected.push_back(encode(type, values, weights)); });
    for_each_target([&] {
        std::size_t at = 0;
        for_each_case([&](TensorType type, const std::vector<float>& values, const float* weights,
                          const std::string& name) {
            INFO(name);
            CHECK((encode(type, values, weights) == expected[at++]));
        });
    });
}

TEST_CASE("lattice types: blocks depend only on their own values") {
    for_each_case([&](TensorType type, const std::vector<float>& values, const float* weights,
                      const std::string& name) {
        INFO(name);
        const std::vector<std::byte> whole = encode(type, values, weights);
        const std::size_t block_bytes = type_info(type).block_bytes;
        std::vector<std::byte> pieces(whole.size());
        for (std::size_t b = 0; b < values.size() / 256; ++b) {
            const std::size_t column = b * 256 % cols;
            find_format(type)->encode(&values[b * 256], 1, 256,
                                      weights == nullptr ? nullptr : weights + column,
                                      &pieces[b * block_bytes]);
        }
        CHECK((pieces == whole));
    });
}

TEST_CASE("lattice types: decoded values are close") {
    std::mt19937 random(3);
    std::normal_distribution<float> gauss;
    const std::vector<float> values = make(32 * cols, [&] { return gauss(random) * 0.05f; });
    const std::vector<float> ones(cols, 1.0f);
    for (const LatticeType& lattice : lattice_types) {
        INFO(type_name(lattice.type));
        const std::vector<std::byte> blocks = encode(lattice.type, values, ones.data());
        const double error = relative_error(values, decode(lattice.type, blocks));
        CHECK(error < lattice.relative_error);
        CHECK(error > 0.5 * lattice.relative_error);
    }
}

// The reference ends the process on these: sums of importance weights or values overflow.
TEST_CASE("lattice types: overflowing importance weights keep values close") {
    std::mt19937 random(5);
    std::normal_distribution<float> gauss;
    const std::vector<float> values = make(8 * cols, [&] { return gauss(random) * 100; });
    const std::vector<float> heavy(cols, std::numeric_limits<float>::max());
    for (const LatticeType& lattice : lattice_types) {
        INFO(type_name(lattice.type));
        for_each_target([&] {
            const std::vector<std::byte> blocks = encode(lattice.type, values, heavy.data());
            CHECK(relative_error(values, decode(lattice.type, blocks)) < lattice.relative_error);
        });
    }
}

TEST_CASE("lattice types: values beyond F16 saturate instead of aborting") {
    std::mt19937 random(6);
    std::normal_distribution<float> gauss;
    const std::vector<float> values = make(2 * cols, [&] { return gauss(random) * 1e30f; });
    const std::vector<float> ones(cols, 1.0f);
    const std::vector<float> nothing(cols, 0.0f);
    for (const LatticeType& lattice : lattice_types) {
        for (const float* weights : {ones.data(), nothing.data()}) {
            INFO(type_name(lattice.type));
            const std::vector<std::byte> blocks = encode(lattice.type, values, weights);
            const auto count = static_cast<std::int64_t>(values.size() / 256);
            CHECK(find_format(lattice.type)->find_bad_block(blocks.data(), count) == -1);
            const std::vector<float> decoded = decode(lattice.type, blocks);
            std::size_t same_sign = 0;
            for (std::size_t i = 0; i < values.size(); ++i) {
                CHECK(std::isfinite(decoded[i]));
                same_sign += std::signbit(values[i]) == std::signbit(decoded[i]);
            }
            // Types with an even number of signs change some.
            CHECK(same_sign * 100 > values.size() * 90);
            CHECK(std::fabs(*std::ranges::max_element(decoded)) > 65504.0f);
        }
    }
}

TEST_CASE("lattice types: values that are no numbers do no harm") {
    std::mt19937 random(9);
    std::vector<float> bits(4 * cols);
    for (float& v : bits)
        v = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    bits[5] = std::numeric_limits<float>::quiet_NaN();
    bits[300] = std::numeric_limits<float>::infinity();
    const std::vector<float> weights(bits.begin(), bits.begin() + cols);
    for (const LatticeType& lattice : lattice_types) {
        for_each_target([&] {
            const auto blocks = encode(lattice.type, bits, weights.data());
            CHECK(decode(lattice.type, blocks).size() == bits.size());
        });
    }
}

TEST_CASE("lattice types: a block with an infinite scale is found") {
    const std::vector<float> ones(cols, 1.0f);
    for (const LatticeType& lattice : lattice_types) {
        std::vector<std::byte> blocks = encode(lattice.type, ones, ones.data());
        const std::size_t block_bytes = type_info(lattice.type).block_bytes;
        CHECK(find_format(lattice.type)->find_bad_block(blocks.data(), 3) == -1);
        blocks[2 * block_bytes + 1] = std::byte{0x7C};
        CHECK(find_format(lattice.type)->find_bad_block(blocks.data(), 3) == 2);
        CHECK(find_format(lattice.type)->find_bad_block(blocks.data(), 2) == -1);
    }
}

}  // namespace
}  // namespace quantize::test

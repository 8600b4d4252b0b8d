// Every target writes and reads the bytes that scalar code does, for every registered type, and
// none touches memory beyond its buffers.
#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/float16.h"
#include "guarded_buffer.h"
#include "kernels/dispatch.h"
#include "patterns.h"
#include "quantize/format.h"
#include "targets.h"

namespace quantize::test {
namespace {

struct Shape {
    std::int64_t rows;
    std::int64_t blocks_per_row;
};

/// Odd counts, so that whatever a kernel handles at a time leaves a remainder; one long row; rows
/// enough to stand side by side, once with some left over.
constexpr Shape shapes[] = {{1, 1},  {3, 1},   {2, 3},  {1, 7}, {3, 17},
                            {1, 33}, {1, 131}, {16, 3}, {37, 2}};

/// Keeps the slow types' part of the test short: no shape of more weights than this.
constexpr std::int64_t most_weights = 20000;

/// Encoders and decoders on one matrix, all buffers guarded.
class Matrix {
 public:
    Matrix(const Format& format, Shape shape, bool weighted)
        : format_(format),
          rows_(shape.rows),
          cols_(shape.blocks_per_row * type_info(format.type).block_elems),
          values_(static_cast<std::size_t>(rows_ * cols_)),
          weights_(weighted ? static_cast<std::size_t>(cols_) : 0),
          blocks_(static_cast<std::size_t>(rows_) *
                  row_bytes(format.type, static_cast<std::uint64_t>(cols_))),
          decoded_(values_.size()) {}

    std::span<float> values() { return values_.span(); }
    std::span<float> weights() { return weights_.span(); }
    std::span<std::byte> blocks() { return blocks_.span(); }

    std::string encode() {
        std::ranges::fill(blocks(), std::byte{0xA5});
        format_.encode(values_.data(), rows_, cols_,
                       weights_.size() == 0 ? nullptr : weights_.data(), blocks_.data());
        return bytes();
    }

    /// The same from F16, which must be finite.
    std::string encode_f16(const std::uint16_t* halves) {
        std::ranges::fill(blocks(), std::byte{0xA5});
        CHECK(format_.encode_f16(reinterpret_cast<const std::byte*>(halves), rows_, cols_,
                                 weights_.size() == 0 ? nullptr : weights_.data(),
                                 blocks_.data()) == -1);
        return bytes();
    }

    std::string bytes() { return {reinterpret_cast<const char*>(blocks_.data()), blocks_.size()}; }

    /// The decoded floats as bytes; every NaN counts as one.
    std::string decode() {
        format_.decode(blocks_.data(), rows_ * cols_, decoded_.data());
        for (float& v : decoded_.span()) {
            if (std::isnan(v)) v = std::bit_cast<float>(0x7FC00000u);
        }
        return {reinterpret_cast<const char*>(decoded_.data()), decoded_.size() * sizeof(float)};
    }

    std::int64_t find_bad_block() {
        return format_.find_bad_block(
            blocks_.data(),
            static_cast<std::int64_t>(blocks_.size() / type_info(format_.type).block_bytes));
    }

 private:
    const Format& format_;
    std::int64_t rows_;
    std::int64_t cols_;
    GuardedBuffer<float> values_;
    GuardedBuffer<float> weights_;
    GuardedBuffer<std::byte> blocks_;
    GuardedBuffer<float> decoded_;
};

struct Outcome {
    std::string blocks;
    std::string decoded;
    std::int64_t bad_block = -1;

    bool operator==(const Outcome&) const = default;
};

/// Runs `body` on the scalar target and then on each other one, and compares what it returns.
template <class Body>
void compare_targets(const Body& body) {
    kernels::pin_target("scalar");
    const Outcome scalar = body();
    for (const std::string& target : kernels::available_targets()) {
        kernels::pin_target(target);
        const Outcome outcome = body();
        kernels::unpin_target();
        INFO("target " << target);
        CHECK((outcome.blocks == scalar.blocks));
        CHECK((outcome.decoded == scalar.decoded));
        CHECK(outcome.bad_block == scalar.bad_block);
    }
    kernels::unpin_target();
}

void compare_encoders(const Format& format, Shape shape, bool weighted, const Pattern& pattern) {
    std::mt19937 random(static_cast<unsigned>(shape.rows * 1000 + shape.blocks_per_row));
    Matrix matrix(format, shape, weighted);
    pattern.fill(matrix.values(), random);
    fill_weights(matrix.weights(), random);
    INFO(pattern.name << ", " << shape.rows << " x " << shape.blocks_per_row << " blocks"
                      << (weighted ? ", weighted" : ""));
    compare_targets([&] {
        std::string blocks = matrix.encode();
        return Outcome{std::move(blocks), matrix.decode(), matrix.find_bad_block()};
    });
}

/// Writes the values as F16, none of them infinite, and puts back what they have become.
void round_to_finite_halves(std::span<float> values, std::span<std::uint16_t> halves) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        halves[i] = f32_to_f16(std::clamp(values[i], -65504.0f, 65504.0f));
        values[i] = f16_to_f32(halves[i]);
    }
}

template <class Body>
void for_each_format(const Body& body) {
    int formats = 0;
    for (const TypeInfo& info : tensor_types) {
        const Format* const format = find_format(info.type);
        if (format == nullptr) continue;
        ++formats;
        INFO(info.name);
        body(*format);
    }
    REQUIRE(formats > 0);
}

template <class Body>
void for_each_shape(const Format& format, const Body& body) {
    const std::int64_t block_elems = type_info(format.type).block_elems;
    for (const Shape shape : shapes) {
        if (shape.rows * shape.blocks_per_row * block_elems <= most_weights) body(shape);
    }
}

}  // namespace

TEST_CASE("every target encodes and decodes as scalar code does, without weights") {
    for_each_format([](const Format& format) {
        if (format.encode == nullptr || format.weight_use == WeightUse::required) return;
        for_each_shape(format, [&](Shape shape) {
            for (const Pattern& pattern : patterns())
                compare_encoders(format, shape, false, pattern);
        });
    });
}

TEST_CASE("every target encodes and decodes as scalar code does, with weights") {
    for_each_format([](const Format& format) {
        if (format.encode == nullptr || format.weight_use == WeightUse::ignored) return;
        for_each_shape(format, [&](Shape shape) {
            for (const Pattern& pattern : patterns())
                compare_encoders(format, shape, true, pattern);
        });
    });
}

TEST_CASE("the short way from F16 gives the blocks of the way over binary32") {
    const bool weighted = GENERATE(false, true);
    int formats = 0;
    for_each_format([&](const Format& format) {
        if (format.encode_f16 == nullptr) return;
        if (weighted && format.weight_use == WeightUse::ignored) return;
        ++formats;
        for_each_shape(format, [&](Shape shape) {
            for (const Pattern& pattern : patterns()) {
                INFO(pattern.name << ", " << shape.rows << " x " << shape.blocks_per_row
                                  << (weighted ? ", weighted" : ""));
                std::mt19937 random(5);
                Matrix matrix(format, shape, weighted);
                pattern.fill(matrix.values(), random);
                fill_weights(matrix.weights(), random);
                GuardedBuffer<std::uint16_t> halves(matrix.values().size());
                round_to_finite_halves(matrix.values(), halves.span());
                kernels::pin_target("scalar");
                const std::string expected = matrix.encode();
                if (format.fits_f16) CHECK(matrix.find_bad_block() == -1);
                for_each_target([&] { CHECK((matrix.encode_f16(halves.data()) == expected)); });
            }
        });
    });
    CHECK(formats == (weighted ? 9 : 11));
}

TEST_CASE("the short way from F16 finds the first value that is not finite") {
    const Shape super_blocks = GENERATE(Shape{1, 5}, Shape{21, 1});
    const bool weighted = GENERATE(false, true);
    for_each_format([&](const Format& format) {
        if (format.encode_f16 == nullptr) return;
        if (weighted && format.weight_use == WeightUse::ignored) return;
        const std::int64_t cols = super_blocks.blocks_per_row * 256;
        const auto elems = static_cast<std::size_t>(super_blocks.rows * cols);
        GuardedBuffer<std::uint16_t> halves(elems);
        GuardedBuffer<float> weights(static_cast<std::size_t>(cols));
        std::ranges::fill(weights.span(), 1.0f);
        GuardedBuffer<std::byte> blocks(row_bytes(format.type, elems));
        for_each_target([&] {
            // Every place in one row, and of many rows some in each.
            for (std::size_t at = 0; at < elems; at += super_blocks.rows == 1 ? 1 : 61) {
                std::ranges::fill(halves.span(), std::uint16_t{0xFBFF});
                halves[elems - 1] = 0x7C00;
                const std::uint16_t bad[] = {0x7C00, 0xFC00, 0x7E01, 0xFFFF};
                halves[at] = bad[at % std::size(bad)];
                REQUIRE(format.encode_f16(reinterpret_cast<const std::byte*>(halves.data()),
                                          super_blocks.rows, cols,
                                          weighted ? weights.data() : nullptr,
                                          blocks.data()) == static_cast<std::int64_t>(at));
            }
        });
    });
}

TEST_CASE("weights change nothing for types that ignore them") {
    for_each_format([](const Format& format) {
        if (format.encode == nullptr || format.weight_use != WeightUse::ignored) return;
        std::mt19937 random(7);
        Matrix plain(format, {2, 3}, false);
        Matrix weighted(format, {2, 3}, true);
        patterns()[0].fill(plain.values(), random);
        std::ranges::copy(plain.values(), weighted.values().begin());
        fill_weights(weighted.weights(), random);
        CHECK((plain.encode() == weighted.encode()));
    });
}

TEST_CASE("every target decodes arbitrary bytes as scalar code does") {
    for_each_format([](const Format& format) {
        for_each_shape(format, [&](Shape shape) {
            std::mt19937 random(static_cast<unsigned>(shape.blocks_per_row));
            Matrix matrix(format, shape, false);
            for (std::byte& byte : matrix.blocks())
                byte = static_cast<std::byte>(random() & 0xFFu);
            compare_targets([&] { return Outcome{"", matrix.decode(), matrix.find_bad_block()}; });
        });
    });
}

TEST_CASE("threads that share a type's code do not disturb each other") {
    for_each_format([](const Format& format) {
        if (format.encode == nullptr) return;
        std::mt19937 random(11);
        Matrix matrix(format, {3, 5}, format.weight_use != WeightUse::ignored);
        patterns()[0].fill(matrix.values(), random);
        fill_weights(matrix.weights(), random);
        const std::string expected = matrix.encode();
        std::vector<std::string> results(4);
        std::vector<std::thread> threads;
        for (std::string& result : results) {
            threads.emplace_back([&] {
                Matrix own(format, {3, 5}, format.weight_use != WeightUse::ignored);
                std::ranges::copy(matrix.values(), own.values().begin());
                std::ranges::copy(matrix.weights(), own.weights().begin());
                result = own.encode();
            });
        }
        for (std::thread& thread : threads)
            thread.join();
        for (const std::string& result : results)
            CHECK((result == expected));
    });
}

}  // namespace quantize::test

// The checked fronts of the registry refuse what does not fit.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <vector>

#include "quantize/error.h"
#include "quantize/format.h"

namespace quantize {

TEST_CASE("encode_rows and decode_rows check sizes") {
    std::vector<float> values(64, 0.5f);
    std::vector<std::byte> blocks(2 * 34);
    CHECK_NOTHROW(encode_rows(TensorType::Q8_0, values, 32, {}, blocks));
    CHECK_NOTHROW(decode_rows(TensorType::Q8_0, blocks, values));
    CHECK_THROWS_AS(encode_rows(TensorType::Q8_0, values, 33, {}, blocks), Error);
    CHECK_THROWS_AS(encode_rows(TensorType::Q8_0, values, 0, {}, blocks), Error);
    CHECK_THROWS_AS(encode_rows(TensorType::Q8_0, values, 32, {}, std::span(blocks).first(67)),
                    Error);
    CHECK_THROWS_AS(
        encode_rows(TensorType::Q8_0, values, 32, std::span<const float>(values).first(31), blocks),
        Error);
    CHECK_THROWS_AS(decode_rows(TensorType::Q8_0, blocks, std::span(values).first(32)), Error);
}

TEST_CASE("encode_rows refuses values that are not finite, and types that are only copied") {
    std::vector<float> values(32, 0.5f);
    std::vector<std::byte> blocks(34);
    values[9] = INFINITY;
    CHECK_THROWS_AS(encode_rows(TensorType::Q8_0, values, 32, {}, blocks), Error);
    values[9] = NAN;
    CHECK_THROWS_AS(encode_rows(TensorType::Q8_0, values, 32, {}, blocks), Error);
    CHECK(find_format(TensorType::I32) == nullptr);
    CHECK_THROWS_AS(encode_rows(TensorType::I32, {}, 32, {}, {}), Error);
}

TEST_CASE("blocks with scales that are not finite are found") {
    const auto find = [](TensorType type, std::size_t block, std::size_t byte, unsigned value) {
        const std::size_t size = type_info(type).block_bytes;
        std::vector<std::byte> blocks(5 * size);
        blocks[block * size + byte] = static_cast<std::byte>(value);
        return find_format(type)->find_bad_block(blocks.data(), 5);
    };
    CHECK(find(TensorType::Q4_0, 3, 1, 0x7C) == 3);
    CHECK(find(TensorType::Q4_1, 2, 3, 0xFC) == 2);
    CHECK(find(TensorType::Q5_0, 4, 1, 0x7D) == 4);
    CHECK(find(TensorType::Q5_1, 0, 3, 0x7E) == 0);
    CHECK(find(TensorType::Q5_1, 0, 5, 0x7E) == -1);
    CHECK(find(TensorType::Q8_0, 1, 1, 0x7B) == -1);
    CHECK(find(TensorType::TQ1_0, 1, 53, 0x7C) == 1);
    CHECK(find(TensorType::TQ2_0, 1, 65, 0x7C) == 1);
    CHECK(find(TensorType::Q1_0, 1, 1, 0x7C) == 1);
    CHECK(find(TensorType::Q2_0, 1, 1, 0x7C) == 1);
    CHECK(find(TensorType::MXFP4, 2, 0, 0xFF) == 2);
    // Zeros have no large levels. Those beside a large scale overflow.
    CHECK(find(TensorType::MXFP4, 2, 0, 0xFE) == -1);
    std::vector<std::byte> large(17, std::byte{0x77});
    for (const unsigned scale : {0xFCu, 0xFDu, 0xFEu}) {
        large[0] = static_cast<std::byte>(scale);
        CHECK(find_format(TensorType::MXFP4)->find_bad_block(large.data(), 1) ==
              (scale == 0xFCu ? -1 : 0));
    }
    CHECK(find(TensorType::NVFP4, 2, 0, 0xFF) == -1);
    CHECK(find(TensorType::F16, 2, 1, 0x7C) == 2);
    CHECK(find(TensorType::BF16, 2, 1, 0xFF) == -1);
    CHECK(find(TensorType::F32, 2, 3, 0x7F) == -1);
}

}  // namespace quantize

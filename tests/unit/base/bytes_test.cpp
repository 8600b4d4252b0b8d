// The cursor's bounds, the arithmetic's overflow, the byte order.
#include <catch2/catch_test_macros.hpp>

#include "base/bytes.h"

namespace quantize {
namespace {

TEST_CASE("sums and products that do not fit are nothing") {
    CHECK(checked_add(1, 2) == 3);
    CHECK(checked_add(UINT64_MAX, 0) == UINT64_MAX);
    CHECK_FALSE(checked_add(UINT64_MAX, 1));
    CHECK(checked_multiply(0, UINT64_MAX) == 0);
    CHECK(checked_multiply(UINT64_MAX, 0) == 0);
    CHECK(checked_multiply(std::uint64_t{1} << 32, (std::uint64_t{1} << 32) - 1));
    CHECK_FALSE(checked_multiply(std::uint64_t{1} << 32, std::uint64_t{1} << 32));
    CHECK(checked_round_up(0, 32) == 0);
    CHECK(checked_round_up(1, 32) == 32);
    CHECK(checked_round_up(32, 32) == 32);
    CHECK(checked_round_up(7, 1) == 7);
    CHECK_FALSE(checked_round_up(UINT64_MAX, 2));
}

TEST_CASE("numbers are little-endian on any machine") {
    std::string bytes;
    append_le(bytes, std::uint32_t{0x01020304});
    append_le(bytes, std::int16_t{-2});
    append_le(bytes, 1.0f);
    CHECK(bytes == std::string("\x04\x03\x02\x01\xfe\xff\x00\x00\x80\x3f", 10));
    CHECK(load_le<std::uint32_t>(bytes.data()) == 0x01020304);
    CHECK(load_le<std::int16_t>(bytes.data() + 4) == -2);
    CHECK(load_le<float>(bytes.data() + 6) == 1.0f);
    CHECK(load_le<std::uint64_t>("\1\0\0\0\0\0\0\x80") == 0x8000000000000001u);
}

TEST_CASE("a cursor stops at the end") {
    ByteCursor cursor{std::string_view("\x01\x00tail", 6)};
    CHECK(cursor.take_le<std::uint16_t>() == 1);
    CHECK_FALSE(cursor.take_le<std::uint64_t>());
    CHECK(cursor.position() == 2);
    CHECK_FALSE(cursor.take(5));
    CHECK_FALSE(cursor.take(UINT64_MAX));
    CHECK(cursor.take_text(4) == "tail");
    CHECK(cursor.remaining() == 0);
    CHECK(cursor.take(0));
    CHECK_FALSE(cursor.take_le<std::uint8_t>());
}

}  // namespace
}  // namespace quantize

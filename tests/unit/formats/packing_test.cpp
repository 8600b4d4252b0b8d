// Every packing is undone by its inverse, and puts each level where the layout says.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "formats/packing.h"

namespace quantize::formats {
namespace {

template <std::size_t kCount>
std::array<std::int8_t, kCount> random_levels(int limit) {
    std::mt19937 random(17);
    std::uniform_int_distribution<int> level(0, limit - 1);
    std::array<std::int8_t, kCount> levels;
    for (std::int8_t& l : levels)
        l = static_cast<std::int8_t>(level(random));
    return levels;
}

template <std::size_t kCount>
unsigned at(const std::array<std::byte, kCount>& packed, std::size_t i) {
    return std::to_integer<unsigned>(packed[i]);
}

}  // namespace

TEST_CASE("nibbles lie in two planes") {
    const auto levels = random_levels<32>(16);
    std::array<std::byte, 16> packed;
    pack_planes<4, 16>(levels.data(), packed.data());
    for (std::size_t m = 0; m < 16; ++m) {
        CHECK(at(packed, m) == static_cast<unsigned>(levels[m] | levels[m + 16] << 4));
    }
    std::array<std::int8_t, 32> back;
    unpack_planes<4, 16>(packed.data(), back.data());
    CHECK(back == levels);
}

TEST_CASE("nibbles of levels with a fifth bit leave it out") {
    const auto levels = random_levels<16>(32);
    std::array<std::byte, 8> packed;
    pack_planes<4, 8>(levels.data(), packed.data());
    for (std::size_t m = 0; m < 8; ++m) {
        CHECK(at(packed, m) == static_cast<unsigned>((levels[m] & 15) | (levels[m + 8] & 15) << 4));
    }
}

TEST_CASE("crumbs lie in four planes") {
    const auto levels = random_levels<128>(4);
    std::array<std::byte, 32> packed;
    pack_planes<2, 32>(levels.data(), packed.data());
    for (std::size_t m = 0; m < 32; ++m) {
        CHECK(at(packed, m) == static_cast<unsigned>(levels[m] | levels[m + 32] << 2 |
                                                     levels[m + 64] << 4 | levels[m + 96] << 6));
    }
    std::array<std::int8_t, 128> back;
    unpack_planes<2, 32>(packed.data(), back.data());
    CHECK(back == levels);
}

TEST_CASE("adjacent crumbs share a byte") {
    const auto levels = random_levels<64>(4);
    std::array<std::byte, 16> packed;
    pack_adjacent_crumbs<16>(levels.data(), packed.data());
    for (std::size_t m = 0; m < 16; ++m) {
        CHECK(at(packed, m) ==
              static_cast<unsigned>(levels[4 * m] | levels[4 * m + 1] << 2 |
                                    levels[4 * m + 2] << 4 | levels[4 * m + 3] << 6));
    }
    std::array<std::int8_t, 64> back;
    unpack_adjacent_crumbs<16>(packed.data(), back.data());
    CHECK(back == levels);
}

TEST_CASE("all 243 numbers of five trits survive packing") {
    for (int number = 0; number < 243; ++number) {
        std::array<std::int8_t, 5> trits;
        for (int rest = number, i = 4; i >= 0; --i, rest /= 3) {
            trits[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(rest % 3);
        }
        std::array<std::byte, 1> packed;
        pack_trits<1, 5>(trits.data(), packed.data());
        CHECK(at(packed, 0) == static_cast<unsigned>((number * 256 + 242) / 243));
        std::array<std::int8_t, 5> back;
        unpack_trits<1, 5>(packed.data(), back.data());
        CHECK(back == trits);
    }
}

TEST_CASE("trits of several bytes lie in planes") {
    const auto levels = random_levels<160>(3);
    std::array<std::byte, 32> packed;
    pack_trits<32, 5>(levels.data(), packed.data());
    std::array<std::byte, 1> first;
    const std::array<std::int8_t, 5> column{levels[7], levels[39], levels[71], levels[103],
                                            levels[135]};
    pack_trits<1, 5>(column.data(), first.data());
    CHECK(packed[7] == first[0]);
    std::array<std::int8_t, 160> back;
    unpack_trits<32, 5>(packed.data(), back.data());
    CHECK(back == levels);

    const auto few = random_levels<16>(3);
    std::array<std::byte, 4> packed_few;
    pack_trits<4, 4>(few.data(), packed_few.data());
    std::array<std::int8_t, 16> back_few;
    unpack_trits<4, 4>(packed_few.data(), back_few.data());
    CHECK(back_few == few);
}

}  // namespace quantize::formats

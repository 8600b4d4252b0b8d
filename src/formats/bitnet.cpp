// TQ1_0, TQ2_0, Q1_0 and Q2_0: one or two bits, or a trit, per weight under one F16 scale.
//
//   TQ1_0  48 bytes of 5 trits | 4 bytes of 4 trits | F16 scale   blocks of 256
//   TQ2_0  64 bytes of 4 levels | F16 scale                       blocks of 256
//   Q1_0   F16 scale | 16 bytes of 8 signs                        blocks of 128
//   Q2_0   F16 scale | 16 bytes of 4 levels                       blocks of 64
#include <array>

#include "base/float16.h"
#include "formats/families.h"
#include "formats/tiles.h"
#include "kernels/bits.h"
#include "kernels/expand.h"
#include "kernels/round.h"

namespace quantize::formats {
namespace {

/// A layout says how one block's levels are packed, where its scale lies, and what is added to a
/// level to make the multiple of the scale that it stands for.
struct LayoutTQ1_0 {
    static constexpr int elems = 256;
    static constexpr int scale_at = 52;
    static constexpr kernels::AbsMaxSpec rounding{elems, 1, 1, 1};
    static void pack(const std::int8_t* levels, std::byte* block) {
        pack_trits<32, 5>(levels, block);
        pack_trits<16, 5>(levels + 160, block + 32);
        pack_trits<4, 4>(levels + 240, block + 48);
    }
    static void unpack(const std::byte* block, std::int8_t* levels) {
        unpack_trits<32, 5>(block, levels);
        unpack_trits<16, 5>(block + 32, levels + 160);
        unpack_trits<4, 4>(block + 48, levels + 240);
        for (int i = 0; i < elems; ++i)
            levels[i] = static_cast<std::int8_t>(levels[i] - 1);
    }
};

struct LayoutTQ2_0 {
    static constexpr int elems = 256;
    static constexpr int scale_at = 64;
    static constexpr kernels::AbsMaxSpec rounding{elems, 1, 1, 1};
    static void pack(const std::int8_t* levels, std::byte* block) {
        pack_planes<2, 32>(levels, block);
        pack_planes<2, 32>(levels + 128, block + 32);
    }
    static void unpack(const std::byte* block, std::int8_t* levels) {
        unpack_planes<2, 32>(block, levels);
        unpack_planes<2, 32>(block + 32, levels + 128);
        for (int i = 0; i < elems; ++i)
            levels[i] = static_cast<std::int8_t>(levels[i] - 1);
    }
};

struct LayoutQ2_0 {
    static constexpr int elems = 64;
    static constexpr int scale_at = 0;
    // The reference clamps after converting an infinity to the lowest integer: level 0.
    static constexpr kernels::AbsMaxSpec rounding{elems, 1, 1, 0};
    static void pack(const std::int8_t* levels, std::byte* block) {
        pack_adjacent_crumbs<16>(levels, block + 2);
    }
    static void unpack(const std::byte* block, std::int8_t* levels) {
        unpack_adjacent_crumbs<16>(block + 2, levels);
        for (int i = 0; i < elems; ++i)
            levels[i] = static_cast<std::int8_t>(levels[i] - 1);
    }
};

template <TensorType kType>
constexpr int bytes_of = type_info(kType).block_bytes;

template <TensorType kType, class L>
void encode(const float* values, std::int64_t rows, std::int64_t cols, const float*,
            std::byte* blocks) {
    static_assert(L::elems == type_info(kType).block_elems);
    for_each_tile<L::elems>(rows * cols / L::elems, [&](std::int64_t first, std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels;
        std::array<std::uint16_t, tile_elems / L::elems> scales;
        const float* const x = values + first * L::elems;
        kernels::round_by_abs_max(L::rounding, x, count, levels.data(), scales.data());
        for (std::int64_t b = 0; b < count; ++b) {
            std::byte* const block = blocks + (first + b) * bytes_of<kType>;
            L::pack(levels.data() + b * L::elems, block);
            store(scales[b], block + L::scale_at);
        }
    });
}

template <TensorType kType, class L>
void decode(const std::byte* blocks, std::int64_t elems, float* values) {
    for_each_tile<L::elems>(elems / L::elems, [&](std::int64_t first, std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels;
        std::array<float, tile_elems / L::elems> scales;
        for (std::int64_t b = 0; b < count; ++b) {
            const std::byte* const block = blocks + (first + b) * bytes_of<kType>;
            scales[b] = f16_to_f32(load<std::uint16_t>(block + L::scale_at));
            L::unpack(block, levels.data() + b * L::elems);
        }
        kernels::expand_levels(levels.data(), scales.data(), count, L::elems,
                               values + first * L::elems);
    });
}

template <TensorType kType, class L>
constexpr Format format{kType,
                        WeightUse::ignored,
                        false,
                        encode<kType, L>,
                        decode<kType, L>,
                        find_bad_scale<bytes_of<kType>, L::scale_at>};

constexpr int q1_0_elems = 128;
constexpr int q1_0_bytes = bytes_of<TensorType::Q1_0>;
constexpr int q1_0_tile = tile_elems / q1_0_elems;

void encode_q1_0(const float* values, std::int64_t rows, std::int64_t cols, const float*,
                 std::byte* blocks) {
    for_each_tile<q1_0_elems>(rows * cols / q1_0_elems, [&](std::int64_t first,
                                                            std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels;
        std::array<std::uint8_t, tile_elems / 8> signs;
        std::array<std::uint16_t, q1_0_tile> scales;
        kernels::round_to_sign(values + first * q1_0_elems, count, levels.data(), scales.data());
        kernels::gather_bits(levels.data(), count * q1_0_elems, 0, signs.data());
        for (std::int64_t b = 0; b < count; ++b) {
            std::byte* const block = blocks + (first + b) * q1_0_bytes;
            store(scales[b], block);
            std::memcpy(block + 2, signs.data() + b * q1_0_elems / 8, q1_0_elems / 8);
        }
    });
}

/// A bit that is set stands for the scale, one that is not for its opposite: levels 1 and -1.
void decode_q1_0(const std::byte* blocks, std::int64_t elems, float* values) {
    for_each_tile<q1_0_elems>(elems / q1_0_elems, [&](std::int64_t first, std::int64_t count) {
        alignas(64) std::array<std::int8_t, tile_elems> levels{};
        std::array<std::uint8_t, tile_elems / 8> signs;
        std::array<float, q1_0_tile> scales;
        for (std::int64_t b = 0; b < count; ++b) {
            const std::byte* const block = blocks + (first + b) * q1_0_bytes;
            scales[b] = f16_to_f32(load<std::uint16_t>(block));
            std::memcpy(signs.data() + b * q1_0_elems / 8, block + 2, q1_0_elems / 8);
        }
        kernels::spread_bits(signs.data(), count * q1_0_elems, 1, levels.data());
        for (std::int8_t& level : levels)
            level = static_cast<std::int8_t>(level - 1);
        kernels::expand_levels(levels.data(), scales.data(), count, q1_0_elems,
                               values + first * q1_0_elems);
    });
}

}  // namespace

const Format tq1_0 = format<TensorType::TQ1_0, LayoutTQ1_0>;
const Format tq2_0 = format<TensorType::TQ2_0, LayoutTQ2_0>;
const Format q1_0{TensorType::Q1_0, WeightUse::ignored, false,
                  encode_q1_0,      decode_q1_0,        find_bad_scale<q1_0_bytes, 0>};
const Format q2_0 = format<TensorType::Q2_0, LayoutQ2_0>;

}  // namespace quantize::formats

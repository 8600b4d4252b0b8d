// The blocks of IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S: what a super-block consists of, and how
// each type lays it out, both ways. A layout also says what else tells its type from the others.
//
//           sub-block  points            signs of eight weights  magnitude of level l
//   IQ2_XXS        32  8 bits for eight  7 bits, even number     8, 25 or 43 eighths
//   IQ2_XS         16  9 bits for eight  7 bits, even number     8, 25 or 43 eighths
//   IQ2_S          16  10 bits for eight 8 bits                  8, 25 or 43 eighths
//   IQ3_XXS        32  8 bits for four   7 bits, even number     4, 12, ... 52 or 62 quarters
//   IQ3_S          32  9 bits for four   8 bits                  1, 3, 5, ... 15
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "formats/iq_grid_tables.h"
#include "formats/iq_grids.h"
#include "formats/packing.h"
#include "kernels/lattice.h"

namespace quantize::formats {

using kernels::LatticeType;

inline constexpr std::size_t lattice_max_sub_blocks = 16;
inline constexpr std::size_t lattice_max_points = 64;  ///< of a super-block

inline std::uint8_t byte_at(const std::byte* from) {
    return std::to_integer<std::uint8_t>(*from);
}

/// A super-block between search and bytes.
struct LatticeParts {
    std::uint16_t d = 0;  ///< F16
    std::array<std::uint8_t, lattice_max_sub_blocks> scales{};
    std::array<std::uint16_t, lattice_max_points> points{};        ///< indices into the grid
    std::array<std::uint8_t, kernels::lattice_block / 8> signs{};  ///< of eight weights each
};

struct Iq2Xxs {
    static constexpr LatticeType search = LatticeType::iq2_xxs;
    static constexpr std::size_t bytes = 66;
    static constexpr std::size_t sub_block = 32;
    static constexpr std::size_t group = 8;
    static constexpr float d_factor = 1.0f;
    /// A super-block whose scales are all zero is all zero bytes; else points and signs are kept.
    static constexpr bool zero_block_is_blank = true;
    static constexpr bool closes_gaps = false;
    static const Grid& grid() { return iq2_xxs_grid(); }
    static const auto& points() {
        static const auto table =
            decode_points<8, 2>(tables::iq2_xxs_points, std::array<std::int8_t, 3>{8, 25, 43});
        return table;
    }
    static float unit(float d, unsigned scale) {
        return d * (0.5f + static_cast<float>(scale)) * 0.25f;
    }
    /// d | per sub-block: 4 x 8 bits index, 4 x 7 bits signs, 4 bits scale
    static void pack(const LatticeParts& parts, std::byte* out) {
        for (std::size_t s = 0; s < 8; ++s) {
            std::uint32_t signs = static_cast<std::uint32_t>(parts.scales[s]) << 28;
            for (std::size_t k = 0; k < 4; ++k) {
                out[2 + 8 * s + k] = static_cast<std::byte>(parts.points[4 * s + k]);
                signs |= static_cast<std::uint32_t>(parts.signs[4 * s + k] & 127u) << (7 * k);
            }
            store(signs, out + 2 + 8 * s + 4);
        }
    }
    static void unpack(const std::byte* in, LatticeParts& parts) {
        for (std::size_t s = 0; s < 8; ++s) {
            const auto signs = load<std::uint32_t>(in + 2 + 8 * s + 4);
            parts.scales[s] = static_cast<std::uint8_t>(signs >> 28);
            for (std::size_t k = 0; k < 4; ++k) {
                parts.points[4 * s + k] = byte_at(in + 2 + 8 * s + k);
                parts.signs[4 * s + k] = even_signs(signs >> (7 * k) & 127u);
            }
        }
    }
};

struct Iq2Xs {
    static constexpr LatticeType search = LatticeType::iq2_xs;
    static constexpr std::size_t bytes = 74;
    static constexpr std::size_t sub_block = 16;
    static constexpr std::size_t group = 8;
    static constexpr float d_factor = 1.0f;
    static constexpr bool zero_block_is_blank = true;
    static constexpr bool closes_gaps = false;
    static const Grid& grid() { return iq2_xs_grid(); }
    static const auto& points() {
        static const auto table =
            decode_points<8, 2>(tables::iq2_xs_points, std::array<std::int8_t, 3>{8, 25, 43});
        return table;
    }
    static float unit(float d, unsigned scale) {
        return d * (0.5f + static_cast<float>(scale)) * 0.25f;
    }
    /// d | 32 x (9 bits index, 7 bits signs) | 16 x 4 bits scale
    static void pack(const LatticeParts& parts, std::byte* out) {
        for (std::size_t k = 0; k < 32; ++k) {
            const unsigned signs = (parts.signs[k] & 127u) << 9;
            store(static_cast<std::uint16_t>(parts.points[k] | signs), out + 2 + 2 * k);
        }
        for (std::size_t s = 0; s < 8; ++s) {
            out[66 + s] =
                static_cast<std::byte>(parts.scales[2 * s] | parts.scales[2 * s + 1] << 4);
        }
    }
    static void unpack(const std::byte* in, LatticeParts& parts) {
        for (std::size_t k = 0; k < 32; ++k) {
            const auto both = load<std::uint16_t>(in + 2 + 2 * k);
            parts.points[k] = both & 511u;
            parts.signs[k] = even_signs(both >> 9);
        }
        for (std::size_t s = 0; s < 8; ++s) {
            parts.scales[2 * s] = byte_at(in + 66 + s) & 15u;
            parts.scales[2 * s + 1] = byte_at(in + 66 + s) >> 4;
        }
    }
};

struct Iq2S {
    static constexpr LatticeType search = LatticeType::iq2_s;
    static constexpr std::size_t bytes = 82;
    static constexpr std::size_t sub_block = 16;
    static constexpr std::size_t group = 8;
    static constexpr float d_factor = 0.9875f;
    static constexpr bool zero_block_is_blank = false;
    static constexpr bool closes_gaps = false;
    static const Grid& grid() { return iq2_s_grid(); }
    static const auto& points() {
        static const auto table =
            decode_points<8, 2>(tables::iq2_s_points, std::array<std::int8_t, 3>{8, 25, 43});
        return table;
    }
    static float unit(float d, unsigned scale) {
        return d * (0.5f + static_cast<float>(scale)) * 0.25f;
    }
    /// d | 32 x low 8 bits of the index | 32 x 8 bits signs | 32 x high 2 bits | 16 x 4 bits scale
    static void pack(const LatticeParts& parts, std::byte* out) {
        for (std::size_t k = 0; k < 32; ++k) {
            out[2 + k] = static_cast<std::byte>(parts.points[k] & 255u);
            out[34 + k] = static_cast<std::byte>(parts.signs[k]);
            out[66 + k / 4] |= static_cast<std::byte>(parts.points[k] >> 8 << (2 * (k % 4)));
        }
        for (std::size_t s = 0; s < 8; ++s) {
            out[74 + s] =
                static_cast<std::byte>(parts.scales[2 * s] | parts.scales[2 * s + 1] << 4);
        }
    }
    static void unpack(const std::byte* in, LatticeParts& parts) {
        for (std::size_t k = 0; k < 32; ++k) {
            const unsigned high = byte_at(in + 66 + k / 4) >> (2 * (k % 4)) & 3u;
            parts.points[k] = static_cast<std::uint16_t>(byte_at(in + 2 + k) | high << 8);
            parts.signs[k] = byte_at(in + 34 + k);
        }
        for (std::size_t s = 0; s < 8; ++s) {
            parts.scales[2 * s] = byte_at(in + 74 + s) & 15u;
            parts.scales[2 * s + 1] = byte_at(in + 74 + s) >> 4;
        }
    }
};

struct Iq3Xxs {
    static constexpr LatticeType search = LatticeType::iq3_xxs;
    static constexpr std::size_t bytes = 98;
    static constexpr std::size_t sub_block = 32;
    static constexpr std::size_t group = 4;
    static constexpr float d_factor = 1.0125f;
    static constexpr bool zero_block_is_blank = true;
    static constexpr bool closes_gaps = false;
    static const Grid& grid() { return iq3_xxs_grid(); }
    static const auto& points() {
        static const auto table = decode_points<4, 3>(
            tables::iq3_xxs_points, std::array<std::int8_t, 8>{4, 12, 20, 28, 36, 44, 52, 62});
        return table;
    }
    static float unit(float d, unsigned scale) {
        return d * (0.5f + static_cast<float>(scale)) * 0.5f;
    }
    /// d | 64 x 8 bits index | per sub-block: 4 x 7 bits signs, 4 bits scale
    static void pack(const LatticeParts& parts, std::byte* out) {
        for (std::size_t k = 0; k < 64; ++k)
            out[2 + k] = static_cast<std::byte>(parts.points[k]);
        for (std::size_t s = 0; s < 8; ++s) {
            std::uint32_t signs = static_cast<std::uint32_t>(parts.scales[s]) << 28;
            for (std::size_t k = 0; k < 4; ++k) {
                signs |= static_cast<std::uint32_t>(parts.signs[4 * s + k] & 127u) << (7 * k);
            }
            store(signs, out + 66 + 4 * s);
        }
    }
    static void unpack(const std::byte* in, LatticeParts& parts) {
        for (std::size_t k = 0; k < 64; ++k)
            parts.points[k] = byte_at(in + 2 + k);
        for (std::size_t s = 0; s < 8; ++s) {
            const auto signs = load<std::uint32_t>(in + 66 + 4 * s);
            parts.scales[s] = static_cast<std::uint8_t>(signs >> 28);
            for (std::size_t k = 0; k < 4; ++k) {
                parts.signs[4 * s + k] = even_signs(signs >> (7 * k) & 127u);
            }
        }
    }
};

struct Iq3S {
    static constexpr LatticeType search = LatticeType::iq3_s;
    static constexpr std::size_t bytes = 110;
    static constexpr std::size_t sub_block = 32;
    static constexpr std::size_t group = 4;
    static constexpr float d_factor = 1.033f;
    static constexpr bool zero_block_is_blank = false;
    static constexpr bool closes_gaps = true;
    static const Grid& grid() { return iq3_s_grid(); }
    static const auto& points() {
        static const auto table = decode_points<4, 3>(
            tables::iq3_s_points, std::array<std::int8_t, 8>{1, 3, 5, 7, 9, 11, 13, 15});
        return table;
    }
    static float unit(float d, unsigned scale) { return d * static_cast<float>(1 + 2 * scale); }
    /// d | 64 x low 8 bits of the index | 64 x high bit | 32 x 8 bits signs | 8 x 4 bits scale
    static void pack(const LatticeParts& parts, std::byte* out) {
        for (std::size_t k = 0; k < 64; ++k) {
            out[2 + k] = static_cast<std::byte>(parts.points[k] & 255u);
            out[66 + k / 8] |= static_cast<std::byte>(parts.points[k] >> 8 << (k % 8));
        }
        for (std::size_t k = 0; k < 32; ++k)
            out[74 + k] = static_cast<std::byte>(parts.signs[k]);
        for (std::size_t s = 0; s < 4; ++s) {
            out[106 + s] =
                static_cast<std::byte>(parts.scales[2 * s] | parts.scales[2 * s + 1] << 4);
        }
    }
    static void unpack(const std::byte* in, LatticeParts& parts) {
        for (std::size_t k = 0; k < 64; ++k) {
            const unsigned high = byte_at(in + 66 + k / 8) >> (k % 8) & 1u;
            parts.points[k] = static_cast<std::uint16_t>(byte_at(in + 2 + k) | high << 8);
        }
        for (std::size_t k = 0; k < 32; ++k)
            parts.signs[k] = byte_at(in + 74 + k);
        for (std::size_t s = 0; s < 4; ++s) {
            parts.scales[2 * s] = byte_at(in + 106 + s) & 15u;
            parts.scales[2 * s + 1] = byte_at(in + 106 + s) >> 4;
        }
    }
};

}  // namespace quantize::formats

// IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S: super-blocks of 256 weights, coded as signs, points of
// a grid for the magnitudes of 8 or 4 weights, and a 4-bit scale for each sub-block under one F16
// scale. The search is in kernels/lattice.h; here are the block layouts, both ways.
//
//           sub-block  points            signs of eight weights  magnitude of level l
//   IQ2_XXS        32  8 bits for eight  7 bits, even number     8, 25 or 43 eighths
//   IQ2_XS         16  9 bits for eight  7 bits, even number     8, 25 or 43 eighths
//   IQ2_S          16  10 bits for eight 8 bits                  8, 25 or 43 eighths
//   IQ3_XXS        32  8 bits for four   7 bits, even number     4, 12, ... 52 or 62 quarters
//   IQ3_S          32  9 bits for four   8 bits                  1, 3, 5, ... 15
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <span>

#include "base/float16.h"
#include "formats/families.h"
#include "formats/iq_grid_tables.h"
#include "formats/iq_grids.h"
#include "kernels/lattice.h"

namespace quantize::formats {
namespace {

using kernels::LatticeType;
constexpr std::size_t block_elems = kernels::lattice_block;
constexpr std::size_t max_sub_blocks = 16;
constexpr std::size_t max_points = 64;  ///< of a super-block
constexpr float f16_max = 65504.0f;

template <class T>
T load(const std::byte* from) {
    T value;
    std::memcpy(&value, from, sizeof(T));
    return value;
}
template <class T>
void store(std::byte* to, T value) {
    std::memcpy(to, &value, sizeof(T));
}
std::uint8_t byte_at(const std::byte* from) {
    return std::to_integer<std::uint8_t>(*from);
}

/// A super-block between search and bytes.
struct Parts {
    std::uint16_t d = 0;  ///< F16
    std::array<std::uint8_t, max_sub_blocks> scales{};
    std::array<std::uint16_t, max_points> points{};     ///< indices into the grid
    std::array<std::uint8_t, block_elems / 8> signs{};  ///< of eight weights each
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
    static void pack(const Parts& parts, std::byte* out) {
        for (std::size_t s = 0; s < 8; ++s) {
            std::uint32_t signs = static_cast<std::uint32_t>(parts.scales[s]) << 28;
            for (std::size_t k = 0; k < 4; ++k) {
                out[2 + 8 * s + k] = static_cast<std::byte>(parts.points[4 * s + k]);
                signs |= static_cast<std::uint32_t>(parts.signs[4 * s + k] & 127u) << (7 * k);
            }
            store(out + 2 + 8 * s + 4, signs);
        }
    }
    static void unpack(const std::byte* in, Parts& parts) {
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
    static void pack(const Parts& parts, std::byte* out) {
        for (std::size_t k = 0; k < 32; ++k) {
            const unsigned signs = (parts.signs[k] & 127u) << 9;
            store(out + 2 + 2 * k, static_cast<std::uint16_t>(parts.points[k] | signs));
        }
        for (std::size_t s = 0; s < 8; ++s) {
            out[66 + s] =
                static_cast<std::byte>(parts.scales[2 * s] | parts.scales[2 * s + 1] << 4);
        }
    }
    static void unpack(const std::byte* in, Parts& parts) {
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
    static void pack(const Parts& parts, std::byte* out) {
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
    static void unpack(const std::byte* in, Parts& parts) {
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
    static void pack(const Parts& parts, std::byte* out) {
        for (std::size_t k = 0; k < 64; ++k)
            out[2 + k] = static_cast<std::byte>(parts.points[k]);
        for (std::size_t s = 0; s < 8; ++s) {
            std::uint32_t signs = static_cast<std::uint32_t>(parts.scales[s]) << 28;
            for (std::size_t k = 0; k < 4; ++k) {
                signs |= static_cast<std::uint32_t>(parts.signs[4 * s + k] & 127u) << (7 * k);
            }
            store(out + 66 + 4 * s, signs);
        }
    }
    static void unpack(const std::byte* in, Parts& parts) {
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
    static void pack(const Parts& parts, std::byte* out) {
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
    static void unpack(const std::byte* in, Parts& parts) {
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

/// Results of the search for a run of super-blocks.
template <class Layout>
struct Fits {
    static constexpr std::size_t run = 8;  ///< super-blocks
    static constexpr std::size_t sub_blocks = block_elems / Layout::sub_block;
    static constexpr std::size_t points = block_elems / Layout::group;
    std::array<float, run * sub_blocks> scales;
    std::array<std::uint32_t, run * sub_blocks> signs;
    std::array<std::uint16_t, run * points> words;

    std::span<const float, sub_blocks> scales_of(std::size_t block) const {
        return std::span<const float, sub_blocks>(&scales[block * sub_blocks], sub_blocks);
    }
};

template <class Layout>
void search(const Grid& grid, const float* values, const float* weights, std::size_t blocks,
            Fits<Layout>& fits) {
    const kernels::LatticeGrid view{grid.short_map.data(), grid.short_neighbours.data()};
    kernels::fit_lattice(Layout::search, view, values, weights, blocks,
                         {fits.scales.data(), fits.signs.data(), fits.words.data()});
}

/// The reference's conversion to the nearest integer; wraps for values out of range.
int nearest_int(float value) {
    const auto bits = std::bit_cast<std::uint32_t>(value + 12582912.0f);
    return static_cast<int>(bits & 0x007FFFFFu) - 0x00400000;
}

/// Levels 0 to 15 of the sub-blocks' scales, in units of `d`.
template <std::size_t Count>
void round_scales(std::span<const float, Count> scales, float d, Parts& parts) {
    const float inverse = 1.0f / d;
    for (std::size_t s = 0; s < Count; ++s) {
        const int level = nearest_int(0.5f * (inverse * scales[s] - 1.0f));
        parts.scales[s] = static_cast<std::uint8_t>(std::clamp(level, 0, 15));
    }
}

/// Points and signs of super-block `block` of the run.
template <class Layout>
void take_points(const Grid& grid, const Fits<Layout>& fits, std::size_t block, Parts& parts) {
    constexpr std::size_t octets = Layout::sub_block / 8;
    for (std::size_t p = 0; p < fits.points; ++p) {
        parts.points[p] = grid.index_of_short(fits.words[block * fits.points + p]);
    }
    for (std::size_t k = 0; k < block_elems / 8; ++k) {
        const std::uint32_t signs = fits.signs[block * fits.sub_blocks + k / octets];
        parts.signs[k] = static_cast<std::uint8_t>(signs >> (8 * (k % octets)));
    }
}

/// What the reference makes of an IQ3_S super-block with sub-blocks of zeros: it goes on to the
/// next sub-block without moving on in the low index bits and the signs, so that those of later
/// sub-blocks lie too early. Decoders do not know of it; but these are the bytes.
void close_gaps(const float* values, Parts& parts) {
    const Parts apart = parts;
    for (std::uint16_t& point : parts.points)
        point &= 0xFF00u;
    parts.signs.fill(0);
    std::size_t to = 0;
    for (std::size_t s = 0; s < block_elems / 32; ++s) {
        const float* const sub_block = values + 32 * s;
        if (std::all_of(sub_block, sub_block + 32, [](float v) { return v == 0.0f; })) continue;
        for (std::size_t k = 0; k < 8; ++k)
            parts.points[8 * to + k] |= apart.points[8 * s + k] & 255;
        std::copy_n(&apart.signs[4 * s], 4, &parts.signs[4 * to]);
        ++to;
    }
}

template <class Layout>
void write_block(const Parts& parts, std::byte* out) {
    std::fill_n(out, Layout::bytes, std::byte{0});
    store(out, parts.d);
    Layout::pack(parts, out);
}

/// A super-block for which the search has no answer, because sums of the values or of the
/// importance weights overflow (the reference aborts there). The same search on the block scaled to
/// a largest magnitude of one, its weights to a largest of one, answers; a block whose weights
/// are all zero is weighted by the values themselves. The scale goes back on at the end, as far as
/// F16 can hold it.
template <class Layout>
void encode_rescaled(const Grid& grid, const float* values, const float* weights, std::byte* out) {
    const auto larger = [](float a, float b) { return std::fabs(a) < std::fabs(b); };
    const float largest = std::fabs(*std::max_element(values, values + block_elems, larger));
    float heaviest = 0.0f;
    if (weights != nullptr) heaviest = *std::max_element(weights, weights + block_elems);
    int exponent = 0;
    std::frexp(largest, &exponent);
    std::array<float, block_elems> scaled;
    std::array<float, block_elems> importance;
    for (std::size_t i = 0; i < block_elems; ++i) {
        scaled[i] = std::ldexp(values[i], -exponent);
        importance[i] = heaviest > 0.0f ? weights[i] / heaviest : scaled[i] * scaled[i];
    }
    Fits<Layout> fits;
    search(grid, scaled.data(), importance.data(), 1, fits);
    Parts parts;
    take_points(grid, fits, 0, parts);
    const auto scales = fits.scales_of(0);
    const float largest_scale = *std::max_element(scales.begin(), scales.end());
    if (!(largest_scale > 0.0f)) {  // not even now: values that are no numbers
        std::fill_n(out, Layout::bytes, std::byte{0});
        return;
    }
    const float limit = std::ldexp(f16_max / Layout::d_factor, -exponent);
    const float d = std::min(largest_scale / 31.0f, limit);
    // Scales far beyond the limit would wrap: they get the highest level, as does 31 * d.
    std::array<float, Fits<Layout>::sub_blocks> held;
    std::ranges::transform(scales, held.begin(), [&](float s) { return std::min(s, 31.0f * d); });
    round_scales(std::span<const float, Fits<Layout>::sub_blocks>(held), d, parts);
    parts.d = std::min<std::uint16_t>(f32_to_f16(std::ldexp(d, exponent) * Layout::d_factor),
                                      f32_to_f16(f16_max));
    write_block<Layout>(parts, out);
}

template <class Layout>
void encode_block(const Grid& grid, const Fits<Layout>& fits, std::size_t block,
                  const float* values, const float* weights, std::byte* out) {
    const auto scales = fits.scales_of(block);
    float largest = 0.0f;
    for (const float scale : scales) {
        if (!(scale >= 0.0f)) return encode_rescaled<Layout>(grid, values, weights, out);
        largest = scale > largest ? scale : largest;
    }
    Parts parts;
    if (largest == 0.0f && Layout::zero_block_is_blank) {
        std::fill_n(out, Layout::bytes, std::byte{0});
        return;
    }
    take_points(grid, fits, block, parts);
    if (Layout::closes_gaps) close_gaps(values, parts);
    if (largest > 0.0f) {
        const float d = largest / 31.0f;
        parts.d = f32_to_f16(d * Layout::d_factor);
        round_scales(scales, d, parts);
    }
    write_block<Layout>(parts, out);
}

template <class Layout>
void encode(const float* values, std::int64_t rows, std::int64_t cols, const float* weights,
            std::byte* blocks) {
    const Grid& grid = Layout::grid();
    const auto row_blocks = static_cast<std::size_t>(cols) / block_elems;
    Fits<Layout> fits;
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::size_t first = 0; first < row_blocks; first += fits.run) {
            const std::size_t count = std::min(fits.run, row_blocks - first);
            const float* const importance =
                weights == nullptr ? nullptr : weights + first * block_elems;
            search(grid, values, importance, count, fits);
            for (std::size_t b = 0; b < count; ++b) {
                const std::size_t at = b * block_elems;
                encode_block(grid, fits, b, values + at,
                             importance == nullptr ? nullptr : importance + at, blocks);
                blocks += Layout::bytes;
            }
            values += count * block_elems;
        }
    }
}

template <class Layout>
void decode(const std::byte* blocks, std::int64_t elems, float* values) {
    const auto& table = Layout::points();
    constexpr std::size_t groups = 8 / Layout::group;  // points in eight weights
    Parts parts;
    for (std::int64_t done = 0; done < elems; done += block_elems, blocks += Layout::bytes) {
        Layout::unpack(blocks, parts);
        const float d = f16_to_f32(load<std::uint16_t>(blocks));
        for (std::size_t k = 0; k < block_elems / 8; ++k) {
            const float unit = Layout::unit(d, parts.scales[k * 8 / Layout::sub_block]);
            for (std::size_t i = 0; i < 8; ++i) {
                const auto& point = table[parts.points[k * groups + i / Layout::group]];
                const float magnitude = unit * static_cast<float>(point[i % Layout::group]);
                *values++ = parts.signs[k] >> i & 1u ? -magnitude : magnitude;
            }
        }
    }
}

template <class Layout>
std::int64_t find_bad_block(const std::byte* blocks, std::int64_t block_count) {
    for (std::int64_t b = 0; b < block_count; ++b) {
        const auto d = load<std::uint16_t>(blocks + static_cast<std::size_t>(b) * Layout::bytes);
        if ((d & 0x7C00u) == 0x7C00u) return b;
    }
    return -1;
}

template <class Layout>
constexpr Format make_format(TensorType type, WeightUse use) {
    return {type, use, false, encode<Layout>, decode<Layout>, find_bad_block<Layout>};
}

}  // namespace

const Format iq2_xxs = make_format<Iq2Xxs>(TensorType::IQ2_XXS, WeightUse::required);
const Format iq2_xs = make_format<Iq2Xs>(TensorType::IQ2_XS, WeightUse::required);
const Format iq2_s = make_format<Iq2S>(TensorType::IQ2_S, WeightUse::optional);
const Format iq3_xxs = make_format<Iq3Xxs>(TensorType::IQ3_XXS, WeightUse::optional);
const Format iq3_s = make_format<Iq3S>(TensorType::IQ3_S, WeightUse::optional);

}  // namespace quantize::formats

// IQ2_XXS, IQ2_XS, IQ2_S, IQ3_XXS and IQ3_S: super-blocks of 256 weights, coded as signs, points of
// a grid for the magnitudes of 8 or 4 weights, and a 4-bit scale for each sub-block under one F16
// scale. The search is in kernels/lattice.h, the layouts are in iq_lattice_layouts.h; here is what
// lies between.
#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include "base/float16.h"
#include "formats/families.h"
#include "formats/iq_lattice_layouts.h"
#include "formats/rounding.h"
#include "formats/tiles.h"
#include "kernels/lattice.h"

namespace quantize::formats {
namespace {

constexpr std::size_t block_elems = kernels::lattice_block;
constexpr float f16_max = 65504.0f;

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

/// Levels 0 to 15 of the sub-blocks' scales, in units of `d`.
template <std::size_t Count>
void round_scales(std::span<const float, Count> scales, float d, LatticeParts& parts) {
    const float inverse = 1.0f / d;
    for (std::size_t s = 0; s < Count; ++s) {
        const int level = nearest_int(0.5f * (inverse * scales[s] - 1.0f));
        parts.scales[s] = static_cast<std::uint8_t>(std::clamp(level, 0, 15));
    }
}

/// Points and signs of super-block `block` of the run.
template <class Layout>
void take_points(const Grid& grid, const Fits<Layout>& fits, std::size_t block,
                 LatticeParts& parts) {
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
void close_gaps(const float* values, LatticeParts& parts) {
    const LatticeParts apart = parts;
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
void write_block(const LatticeParts& parts, std::byte* out) {
    std::fill_n(out, Layout::bytes, std::byte{0});
    store(parts.d, out);
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
    LatticeParts parts;
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
    LatticeParts parts;
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
    LatticeParts parts;
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
constexpr Format make_format(TensorType type, WeightUse use) noexcept {
    return {type, use, false, encode<Layout>, decode<Layout>, find_bad_scale<Layout::bytes, 0>};
}

}  // namespace

const Format iq2_xxs = make_format<Iq2Xxs>(TensorType::IQ2_XXS, WeightUse::required);
const Format iq2_xs = make_format<Iq2Xs>(TensorType::IQ2_XS, WeightUse::required);
const Format iq2_s = make_format<Iq2S>(TensorType::IQ2_S, WeightUse::optional);
const Format iq3_xxs = make_format<Iq3Xxs>(TensorType::IQ3_XXS, WeightUse::optional);
const Format iq3_s = make_format<Iq3S>(TensorType::IQ3_S, WeightUse::optional);

}  // namespace quantize::formats

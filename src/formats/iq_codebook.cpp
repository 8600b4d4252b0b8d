// IQ4_NL and IQ4_XS: 4-bit indices into a table of 16 code points that lie closer together near
// zero. IQ4_NL stores a binary16 scale per 32 weights; IQ4_XS one per 256, and a 6-bit multiple of
// it per 32.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "base/float16.h"
#include "formats/families.h"
#include "formats/packing.h"
#include "formats/rounding.h"
#include "formats/tiles.h"
#include "kernels/codebook.h"
#include "kernels/fit.h"

namespace quantize::formats {
namespace {

constexpr std::size_t sub_elems = kernels::codebook_block;
constexpr std::size_t super_elems = 256;
constexpr std::size_t subs = super_elems / sub_elems;
constexpr std::size_t code_bytes = sub_elems / 2;

struct NlBlock {
    std::uint16_t scale;
    std::uint8_t codes[code_bytes];
};
static_assert(sizeof(NlBlock) == 18);

struct XsBlock {
    std::uint16_t scale;
    std::uint16_t scales_high;          ///< bits 4 and 5 of the sub-blocks' scales, 2 each
    std::uint8_t scales_low[subs / 2];  ///< bits 0 to 3, 4 each
    std::uint8_t codes[subs * code_bytes];
};
static_assert(sizeof(XsBlock) == 136);

/// Blocks handled at a time: enough to fill the lanes, few enough to stay in the first cache.
constexpr std::size_t chunk_subs = 64;
constexpr std::size_t chunk_elems = chunk_subs * sub_elems;

float inverse_or_zero(float scale) {
    return scale != 0 ? 1 / scale : 0.0f;
}

/// Scales of the sub-blocks of up to one chunk. `group_elems` values share the mean square that
/// enters the weights.
void fit_chunk(const float* values, const float* weights, std::size_t elems,
               std::size_t group_elems, float* scales) {
    std::array<float, chunk_subs> means;
    kernels::CodebookWeights how;
    if (weights != nullptr) {
        const std::size_t groups = elems / group_elems;
        kernels::sum_squares(values, static_cast<std::int64_t>(groups),
                             static_cast<std::int64_t>(group_elems), means.data());
        for (std::size_t g = 0; g < groups; ++g) {
            means[g] *= 2.0f / static_cast<float>(group_elems);
        }
        how = {weights, means.data(), group_elems / sub_elems};
    }
    kernels::fit_codebook(values, elems / sub_elems, how, scales);
}

/// Fills in the scales of one IQ4_XS block and gives the inverse of what each sub-block's scale
/// has become.
void quantize_scales(const float* scales, XsBlock& block, float* inverse_scales) {
    float largest = 0;
    for (std::size_t s = 0; s < subs; ++s) {
        if (std::fabs(scales[s]) > std::fabs(largest)) largest = scales[s];
    }
    const float scale = -largest / 32;
    const float inverse = inverse_or_zero(scale);
    block = XsBlock{};
    block.scale = scale_to_f16(scale);
    for (std::size_t s = 0; s < subs; ++s) {
        const int level = std::clamp(nearest_int(inverse * scales[s]), -32, 31);
        inverse_scales[s] = inverse_or_zero(scale * static_cast<float>(level));
        const unsigned bits = static_cast<unsigned>(level + 32);
        block.scales_low[s / 2] |= static_cast<std::uint8_t>((bits & 15u) << (4 * (s % 2)));
        block.scales_high |= static_cast<std::uint16_t>((bits >> 4) << (2 * s));
    }
}

void encode_nl_chunk(const float* values, const float* weights, std::size_t elems,
                     std::byte* blocks) {
    const std::size_t count = elems / sub_elems;
    std::array<float, chunk_subs> scales;
    std::array<float, chunk_subs> inverse_scales;
    std::array<std::uint8_t, chunk_subs * code_bytes> codes;
    fit_chunk(values, weights, elems, sub_elems, scales.data());
    for (std::size_t b = 0; b < count; ++b)
        inverse_scales[b] = inverse_or_zero(scales[b]);
    kernels::assign_codebook(values, count, inverse_scales.data(), codes.data());
    for (std::size_t b = 0; b < count; ++b) {
        NlBlock block;
        block.scale = scale_to_f16(scales[b]);
        std::memcpy(block.codes, codes.data() + b * code_bytes, code_bytes);
        store(block, blocks + b * sizeof block);
    }
}

void encode_xs_chunk(const float* values, const float* weights, std::size_t elems,
                     std::byte* blocks) {
    const std::size_t count = elems / super_elems;
    std::array<float, chunk_subs> scales;
    std::array<float, chunk_subs> inverse_scales;
    std::array<XsBlock, chunk_subs / subs> out;
    std::array<std::uint8_t, chunk_subs * code_bytes> codes;
    fit_chunk(values, weights, elems, super_elems, scales.data());
    for (std::size_t b = 0; b < count; ++b) {
        quantize_scales(scales.data() + b * subs, out[b], inverse_scales.data() + b * subs);
    }
    kernels::assign_codebook(values, count * subs, inverse_scales.data(), codes.data());
    for (std::size_t b = 0; b < count; ++b) {
        std::memcpy(out[b].codes, codes.data() + b * sizeof out[b].codes, sizeof out[b].codes);
        store(out[b], blocks + b * sizeof out[b]);
    }
}

using EncodeChunk = void (*)(const float*, const float*, std::size_t, std::byte*);

/// Cuts rows into chunks. `block_elems` values take `block_bytes` bytes.
template <EncodeChunk encode_chunk, std::size_t block_elems, std::size_t block_bytes>
void encode(const float* values, std::int64_t rows, std::int64_t cols, const float* weights,
            std::byte* blocks) {
    const auto row_elems = static_cast<std::size_t>(cols);
    for (std::int64_t row = 0; row < rows; ++row) {
        for (std::size_t at = 0; at < row_elems; at += chunk_elems) {
            const std::size_t elems = std::min(chunk_elems, row_elems - at);
            encode_chunk(values + at, weights != nullptr ? weights + at : nullptr, elems,
                         blocks + at / block_elems * block_bytes);
        }
        values += row_elems;
        blocks += row_elems / block_elems * block_bytes;
    }
}

void decode_nl(const std::byte* blocks, std::int64_t elems, float* values) {
    for (std::int64_t b = 0; b < elems / static_cast<std::int64_t>(sub_elems); ++b) {
        const auto block = load<NlBlock>(blocks + b * static_cast<std::int64_t>(sizeof(NlBlock)));
        const float scale = f16_to_f32(block.scale);
        kernels::expand_codebook(block.codes, 1, &scale, values);
        values += sub_elems;
    }
}

void decode_xs(const std::byte* blocks, std::int64_t elems, float* values) {
    for (std::int64_t b = 0; b < elems / static_cast<std::int64_t>(super_elems); ++b) {
        const auto block = load<XsBlock>(blocks + b * static_cast<std::int64_t>(sizeof(XsBlock)));
        const float scale = f16_to_f32(block.scale);
        std::array<float, subs> scales;
        for (std::size_t s = 0; s < subs; ++s) {
            const int low = (block.scales_low[s / 2] >> (4 * (s % 2))) & 15;
            const int high = (block.scales_high >> (2 * s)) & 3;
            scales[s] = scale * static_cast<float>((low | high << 4) - 32);
        }
        kernels::expand_codebook(block.codes, subs, scales.data(), values);
        values += super_elems;
    }
}

}  // namespace

// The mean that enters the weights is that of the block alone, so rows may be cut.
extern const Format iq4_nl{TensorType::IQ4_NL,
                           WeightUse::optional,
                           false,
                           encode<encode_nl_chunk, sub_elems, sizeof(NlBlock)>,
                           decode_nl,
                           find_bad_scale<sizeof(NlBlock), 0>};
extern const Format iq4_xs{TensorType::IQ4_XS,
                           WeightUse::optional,
                           false,
                           encode<encode_xs_chunk, super_elems, sizeof(XsBlock)>,
                           decode_xs,
                           find_bad_scale<sizeof(XsBlock), 0>};

}  // namespace quantize::formats

// The 16 code points of IQ4_NL and IQ4_XS, and the searches over them: the best scale of a block
// and the nearest code point of each value.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace quantize::kernels {

/// Source: the table kvalues_iq4nl of ggml 0.18.1. Ascending.
inline constexpr std::array<std::int8_t, 16> codebook_points{
    -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

/// Values that share a scale.
inline constexpr std::size_t codebook_block = 32;

/// What a fit is to be weighted by.
struct CodebookWeights {
    /// One per value, or null: each value is then weighted by its own square.
    const float* importance = nullptr;
    /// With importance: a value x weighs importance * sqrt(mean + x^2), where the mean is that of
    /// the block's group of `blocks_per_mean` consecutive blocks.
    const float* means = nullptr;
    std::size_t blocks_per_mean = 1;
};

/// For each of `blocks` consecutive blocks of 32 values, the scale that fits it best: first the
/// one that takes the value of largest magnitude to the first code point, then fifteen around
/// it, each refined by least squares. 0 for a block without a value of at least 1e-15.
void fit_codebook(const float* values, std::size_t blocks, const CodebookWeights& weights,
                  float* scales);

/// The index of the code point nearest to values * inverse scale (of two equally near ones the
/// upper), packed: byte j of a block's 16 holds value j below and value j + 16 above.
void assign_codebook(const float* values, std::size_t blocks, const float* inverse_scales,
                     std::uint8_t* codes);

/// values = scale * code point, for codes packed as above.
void expand_codebook(const std::uint8_t* codes, std::size_t blocks, const float* scales,
                     float* values);

}  // namespace quantize::kernels

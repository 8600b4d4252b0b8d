// The Format of a K type, of one encoder that takes values in either form. It returns the index of
// the first F16 that is not finite, -1 when there is none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formats/k_blocks.h"
#include "kernels/stored_values.h"
#include "quantize/format.h"

namespace quantize::formats {

template <auto kEncode>
void encode_floats(const float* values, std::int64_t rows, std::int64_t cols, const float* weights,
                   std::byte* blocks) {
    kEncode(values, rows, cols, weights, blocks);
}

template <auto kEncode>
std::int64_t encode_halves(const std::byte* halves, std::int64_t rows, std::int64_t cols,
                           const float* weights, std::byte* blocks) {
    return kEncode(kernels::StoredValues::of_halves(halves), rows, cols, weights, blocks);
}

template <auto kEncode, auto kDecode, auto kFindBadBlock>
constexpr Format make_k_format(TensorType type) noexcept {
    return {
        .type = type,
        .weight_use = WeightUse::optional,
        .couples_row = false,
        .encode = encode_floats<kEncode>,
        .decode = kDecode,
        .find_bad_block = kFindBadBlock,
        .preferred_elems = group_elems,
        .encode_f16 = encode_halves<kEncode>,
    };
}

}  // namespace quantize::formats

// Format::encode and Format::encode_f16 of one function that takes values in either form. It
// returns the index of the first F16 that is not finite, -1 when there is none.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/stored_values.h"

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

}  // namespace quantize::formats

// Q4_0, Q4_1, Q5_0 and Q5_1 with importance weights: the scale of each block is searched for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quantize/tensor_type.h"

namespace quantize::formats {

/// Encodes rows of one of the four types; `weights` holds `cols` values.
void encode_weighted(TensorType type, const float* values, std::int64_t rows, std::int64_t cols,
                     const float* weights, std::byte* blocks);

}  // namespace quantize::formats

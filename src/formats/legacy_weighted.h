// Q4_0, Q4_1, Q5_0 and Q5_1 with importance weights: the scale of each block is searched for.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/stored_values.h"
#include "quantize/tensor_type.h"

namespace quantize::formats {

/// Encodes rows of one of the four types; `weights` holds `cols` values. Returns the index of the
/// first value in F16 that is not finite, -1 when there is none.
std::int64_t encode_weighted(TensorType type, const kernels::StoredValues& values,
                             std::int64_t rows, std::int64_t cols, const float* weights,
                             std::byte* blocks);

}  // namespace quantize::formats

// The real types: F32, F16 and BF16. A block is one value.
#include <cstring>

#include "formats/families.h"
#include "kernels/rows.h"

namespace quantize::formats {
namespace {

void encode_f32(const float* values, std::int64_t rows, std::int64_t cols, const float*,
                std::byte* blocks) {
    std::memcpy(blocks, values, static_cast<std::size_t>(rows * cols) * sizeof(float));
}

void decode_f32(const std::byte* blocks, std::int64_t elems, float* values) {
    std::memcpy(values, blocks, static_cast<std::size_t>(elems) * sizeof(float));
}

void encode_f16(const float* values, std::int64_t rows, std::int64_t cols, const float*,
                std::byte* blocks) {
    kernels::f32_to_f16(values, rows * cols, blocks);
}

void encode_bf16(const float* values, std::int64_t rows, std::int64_t cols, const float*,
                 std::byte* blocks) {
    kernels::f32_to_bf16(values, rows * cols, blocks);
}

std::int64_t encode_bf16_from_f16(const std::byte* halves, std::int64_t rows, std::int64_t cols,
                                  const float*, std::byte* blocks) {
    return kernels::f16_to_bf16(halves, rows * cols, blocks);
}

}  // namespace

const Format f32{TensorType::F32, WeightUse::ignored, false,
                 encode_f32,      decode_f32,         kernels::find_non_finite_f32};
const Format f16{TensorType::F16, WeightUse::ignored,  false,
                 encode_f16,      kernels::f16_to_f32, kernels::find_non_finite_f16};
const Format bf16{
    .type = TensorType::BF16,
    .weight_use = WeightUse::ignored,
    .couples_row = false,
    .encode = encode_bf16,
    .decode = kernels::bf16_to_f32,
    .find_bad_block = kernels::find_non_finite_bf16,
    .encode_f16 = encode_bf16_from_f16,
    .fits_f16 = true,
};

}  // namespace quantize::formats

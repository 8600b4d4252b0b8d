// Work on whole rows of values: conversions between the real types, the scan for values that are
// not finite, and the error sums of a decoded copy.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/stored_values.h"

namespace quantize::kernels {

/// `n` F16 or BF16 values, little-endian and without any alignment, to binary32 and back.
void f16_to_f32(const std::byte* halves, std::int64_t n, float* values);
void f32_to_f16(const float* values, std::int64_t n, std::byte* halves);
void bf16_to_f32(const std::byte* brains, std::int64_t n, float* values);
void f32_to_bf16(const float* values, std::int64_t n, std::byte* brains);

// The same, which return the index of the first value that is infinite or NaN; -1 when there is
// none.
[[nodiscard]] std::int64_t f16_to_f32_checked(const std::byte* halves, std::int64_t n,
                                              float* values);
/// The same bits as by way of binary32; `brains` may be `halves`.
[[nodiscard]] std::int64_t f16_to_bf16(const std::byte* halves, std::int64_t n, std::byte* brains);

/// Index of the first value that is infinite or NaN; -1 when there is none.
std::int64_t find_non_finite(const float* values, std::int64_t n);
std::int64_t find_non_finite_f32(const std::byte* values, std::int64_t n);
std::int64_t find_non_finite_f16(const std::byte* halves, std::int64_t n);
std::int64_t find_non_finite_bf16(const std::byte* brains, std::int64_t n);
/// The same among values that nobody has looked at yet: those in F16.
std::int64_t find_non_finite_half(const StoredValues& values, std::int64_t n);

/// Copies `n` values to `floats`.
void widen(const StoredValues& values, std::int64_t n, float* floats);

/// How far `decoded` is from `original`. Every target gives the same sums: the order of the
/// additions does not depend on the width of vectors.
struct ErrorSums {
    double squared_error = 0;  ///< sum of (original - decoded)^2
    double squared_value = 0;  ///< sum of original^2
    double max_abs_error = 0;  ///< largest |original - decoded|

    ErrorSums& operator+=(const ErrorSums& other);
};
ErrorSums error_sums(const float* original, const float* decoded, std::int64_t n);

}  // namespace quantize::kernels

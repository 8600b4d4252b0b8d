// Integer levels of values whose scale is settled, and values of levels: the steps that follow a
// search, and decoding. Unlike the searches these work along the values, which do not depend on
// each other.
#pragma once

#include <cstdint>

#include "kernels/stored_values.h"

namespace quantize::kernels {

/// Levels run from lowest to highest and are stored with `offset` added, as bytes.
struct LevelRange {
    int lowest;
    int highest;
    int offset;
};

// Both functions that take levels of values return whether those in F16 are all finite, which a
// look of its own would take a hundredth of the time for. Those in binary32 they do not look at.

/// level = clamp(nearest((value + min) / scale)) for each of `count` sub-blocks of `size` values
/// (16 or 32). The levels of a sub-block whose scale is zero mean nothing.
bool relevel(const StoredValues& values, std::int64_t count, int size, const float* scale,
             const float* min, LevelRange range, std::uint8_t* levels);

/// level = clamp(nearest(inverse * (value - base))): the levels with which a search found its best
/// fit. They are all stored as 0 where `inverse` is 0, the sign of a search without result.
bool level_by_inverse(const StoredValues& values, std::int64_t count, int size,
                      const float* inverse, const float* base, LevelRange range,
                      std::uint8_t* levels);

/// value = scale * level - min, the levels taken as signed bytes.
void expand_levels(const std::int8_t* levels, std::int64_t count, int size, const float* scale,
                   const float* min, float* values);

}  // namespace quantize::kernels

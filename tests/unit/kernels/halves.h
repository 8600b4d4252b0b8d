// Values in F16 for the tests of what reads them where they lie.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/float16.h"
#include "guarded_buffer.h"
#include "kernels/stored_values.h"

namespace quantize::kernels::inputs {

/// Values as F16, none of them infinite, which end at memory that nobody may touch. They become
/// what F16 makes of them.
struct Halves {
    explicit Halves(std::vector<float>& values) : words(values.size()) {
        for (std::size_t i = 0; i < values.size(); ++i) {
            words[i] = f32_to_f16(std::clamp(values[i], -65504.0f, 65504.0f));
            values[i] = f16_to_f32(words[i]);
        }
    }
    StoredValues values() {
        return StoredValues::of_halves(reinterpret_cast<const std::byte*>(words.data()));
    }

    test::GuardedBuffer<std::uint16_t> words;
};

}  // namespace quantize::kernels::inputs

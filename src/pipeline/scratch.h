// Buffers that a thread reuses from piece to piece.
#pragma once

#include <cstddef>

#include "base/buffer.h"

namespace quantize::pipeline {

struct Scratch {
    Buffer<std::byte> input;
    Buffer<std::byte> output;
    Buffer<float> values;
    Buffer<float> decoded;
};

}  // namespace quantize::pipeline

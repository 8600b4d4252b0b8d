// What a sound GGUF file keeps beyond what reading it needs: llama.cpp's stricter rules, and
// padding.
#pragma once

#include "model/source.h"

namespace quantize::model {

/// Throws Error for the first file of `source` whose tensors do not follow each other (llama.cpp
/// refuses gaps, and data in another order than the names) or whose padding is not zero.
void check_structure(const TensorSource& source);

}  // namespace quantize::model

// The metadata of the output: the input's, and what quantizing changes in it.
#pragma once

#include <cstdint>
#include <optional>

#include "model/imatrix.h"
#include "model/source.h"
#include "quantize/gguf.h"
#include "quantize/quantize.h"
#include "quantize/recipe.h"

namespace quantize::pipeline {

/// The header of the output, without tensors. Keys stand where the reference puts them: a key that
/// is set moves to the end, even when the input had it. `pruned_layers` is the new number of
/// layers when some were left out.
gguf::Document output_metadata(const Request& request, const Recipe& recipe,
                               const std::string& architecture, const model::TensorSource& source,
                               const model::ImportanceMatrix& imatrix,
                               std::optional<std::uint32_t> pruned_layers);

}  // namespace quantize::pipeline

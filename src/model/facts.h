// The few numbers of a model that recipes ask for, read from its metadata.
#pragma once

#include <span>
#include <string>
#include <utility>

#include "quantize/gguf.h"
#include "quantize/recipe.h"

namespace quantize::model {

/// Metadata that the user sets in place of the file's own, as --override-kv gives it.
using MetadataOverrides = std::span<const std::pair<std::string, gguf::Value>>;

/// Reads the facts of a model. `document` holds the metadata (the first shard's, of a split
/// model), `tensor_names` all tensors that will be written. Overrides count where they are of a
/// fitting type, the first of a key before later ones. Any architecture will do; numbers that
/// its metadata does not state are 0. Throws Error naming the key when there is no architecture,
/// when a key that is there holds no number that makes sense, and when layers cannot be counted.
ModelFacts read_model_facts(const gguf::Document& document,
                            std::span<const std::string> tensor_names,
                            MetadataOverrides overrides = {});

}  // namespace quantize::model

// The small languages of the command line's options, as functions from text to values, so that
// scripts, other front ends and fuzzers share them. All throw Error of kind usage.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantize/gguf.h"
#include "quantize/recipe.h"
#include "quantize/tensor_type.h"

namespace quantize {

/// "; nearest: Q4_K_M, Q4_K": the end of a message about a name that is none of `known`; empty
/// when nothing is like it.
std::string nearest_hint(std::string_view typed, const std::vector<std::string_view>& known);

/// "q8_0": a tensor type by name, in any case.
TensorType parse_type_option(std::string_view text);

/// The recipe of that name or number; the error names the nearest ones.
const Recipe& parse_recipe_option(std::string_view text);

/// "attn_v=q8_0": a regular expression, lower-cased as the reference does it, and a type.
TypeOverride parse_type_override(std::string_view text);

/// A file of such overrides, separated by white space.
std::vector<TypeOverride> read_type_override_file(const std::filesystem::path& file);

/// "3,5,17": layer numbers, sorted and without duplicates.
std::vector<std::uint32_t> parse_layer_list(std::string_view text);

/// "KEY=int:5", "KEY=float:0.5", "KEY=bool:true" or "KEY=str:text". Integers become u32 of the
/// absolute value, and real numbers f32, as the reference writes them.
std::pair<std::string, gguf::Value> parse_metadata_override(std::string_view text);

/// "8": a number of threads; none, zero and negative numbers mean all cores and give 0.
unsigned parse_thread_count(std::string_view text);

/// The output's name when none is given: ggml-model-TYPE beside the input, with ".gguf" unless
/// shards are kept, as scripts for the reference expect it. `recipe` is what the user wrote.
std::filesystem::path default_output(const std::filesystem::path& input, std::string_view recipe,
                                     bool keep_split);

}  // namespace quantize

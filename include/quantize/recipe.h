// Recipes: named mixtures of tensor types (Q5_K_M, ...), and the choice of a type per tensor.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <regex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quantize/tensor_type.h"

namespace quantize {

/// A named mixture. `file_type` is the number that files record as general.file_type and that
/// the command line accepts in place of the name.
struct Recipe {
    std::string_view name;     ///< "Q5_K_M"
    std::uint32_t file_type;   ///< llama_ftype of the reference
    TensorType default_type;   ///< what most tensors become
    std::string_view summary;  ///< one line: what it is for
    /// Increase of perplexity published for a 7B model (llama.cpp pull request 1684), if any.
    std::optional<double> perplexity_increase = std::nullopt;
    bool recommended = false;
    /// For recipes that are another one with changed tensors (Q4_K_L is Q4_K_M with embeddings
    /// and output in Q8_0): the type that embeddings and output get.
    std::optional<TensorType> embedding_and_output = std::nullopt;
    bool copy_only = false;          ///< COPY: nothing is converted
    std::string_view alias_of = {};  ///< for Q3_K, Q4_K, Q5_K: the recipe's full name; else empty
};

/// Every recipe, in the order in which `quantize types` lists them.
std::span<const Recipe> recipes();

/// The recipe of that name (any case, aliases such as Q5_K included) or number; null when none.
/// A number finds the first of that number in the list, so 17 answers the alias Q5_K.
const Recipe* find_recipe(std::string_view name_or_number);

/// Up to three known names closest to `name` (recipes or types), for messages.
std::vector<std::string> nearest_recipe_names(std::string_view name);
std::vector<std::string> nearest_type_names(std::string_view name);

/// The few numbers of a model that recipes need.
struct ModelFacts {
    std::string architecture;    ///< general.architecture; empty when the file has none
    std::uint32_t layers = 0;    ///< block_count
    std::uint32_t experts = 0;   ///< expert_count
    std::uint32_t heads = 0;     ///< attention.head_count of the first layer
    std::uint32_t kv_heads = 0;  ///< attention.head_count_kv of the first layer
    bool tied_output = true;     ///< no tensor named output.weight
    /// No language model (image or video generation, audio, a projector), and none that the
    /// reference takes. What it would refuse in others is kept or written as F16 here.
    bool foreign = false;

    /// heads / kv_heads as the reference computes it; 0 when kv_heads is 0.
    std::uint32_t gqa() const { return kv_heads == 0 ? 0 : heads / kv_heads; }
};

/// A tensor as far as the choice of its type is concerned.
struct TensorFacts {
    std::string name;
    std::array<std::uint64_t, 4> shape{1, 1, 1, 1};
    TensorType type = TensorType::F32;
};

/// A user's "tensors whose name matches get this type".
struct TypeOverride {
    std::string pattern;  ///< ECMAScript regular expression, searched in the tensor's name
    TensorType type = TensorType::F32;
};

/// What the user asked for beside the recipe.
struct ChoiceOptions {
    bool pure = false;                 ///< every tensor gets the recipe's default type
    bool leave_output_tensor = false;  ///< output.weight stays as it is
    bool has_imatrix = false;
    std::optional<TensorType> output_type;
    std::optional<TensorType> token_embedding_type;
    std::vector<TypeOverride> overrides;  ///< the first that matches wins
};

/// The type chosen for one tensor, and why.
struct TypeChoice {
    TensorType type = TensorType::F32;
    /// For people: "recipe default", "more bits for attn_v of an early layer", ...
    std::string reason;
    bool quantizable = false;  ///< false: kept as it is because of its name or shape
    /// The type that was wanted, when the row length made another one necessary.
    std::optional<TensorType> fallback_from;
    bool overridden = false;     ///< an override of the user decided
    bool needs_weights = false;  ///< cannot be written well without importance weights
};

/// The layer that a tensor's name states ("blk.7.attn_q.weight"), or -1 when it states none.
int layer_of(std::string_view tensor_name);

/// The order of choice: layer number first (tensors outside the layers before all), then name.
bool chosen_before(std::string_view name, std::string_view other);

/// Chooses a type for each of `tensors`, which are given in the order of choice; the rules count
/// tensors of a class in that order. (A split model that stays split is the exception: there the
/// order is that of the shards and of the data in them.) Throws Error for a pattern that is no
/// regular expression, for a type that cannot be written, and for one that does not fit a row
/// and has no fallback.
std::vector<TypeChoice> choose_types(const Recipe& recipe, const ModelFacts& model,
                                     std::span<const TensorFacts> tensors,
                                     const ChoiceOptions& options);

}  // namespace quantize

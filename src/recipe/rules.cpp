// The rules of all mixtures. Their order and their reach reproduce llama-quantize's choices.
#include "recipe/presets.h"

#include <array>

namespace quantize::recipe {
namespace {

using enum FileType;
using enum Role;
using T = TensorType;

constexpr Recipes every_recipe = Recipes::everything();
constexpr Recipes one_bit{IQ1_S, IQ1_M};
constexpr Recipes two_bit_small{IQ2_XXS, IQ2_XS};
constexpr Recipes two_bit_large{IQ2_S, IQ2_M};
constexpr Recipes low_bit = one_bit | two_bit_small | two_bit_large;

constexpr Roles every_role = Roles::everything();
constexpr Roles values{attention_v, attention_qkv, attention_kv_b};

constexpr Rule all_rules[] = {
    // The output matrix, which a tied token embedding doubles as.
    {MXFP4_MOE, output, fact::none, Place::anywhere, T::Q8_0, "output matrix"},
    {every_recipe, output, fact::falcon, Place::anywhere, T::Q8_0, "output matrix of falcon"},
    {every_recipe, output, fact::odd_rows, Place::anywhere, T::Q8_0,
     "output matrix, rows of odd length"},
    {low_bit | IQ3_XXS, output, fact::none, Place::anywhere, T::Q5_K, "output matrix"},
    {every_recipe.without(Q8_0), output, fact::none, Place::anywhere, T::Q6_K, "output matrix"},

    // Expert matrices in FP4, all else in 8 bits.
    {MXFP4_MOE, every_role, fact::stacked_experts, Place::anywhere, T::MXFP4, "experts"},
    {MXFP4_MOE, every_role, fact::none, Place::anywhere, T::Q8_0, "outside the experts"},

    // Token embeddings that are not tied.
    {one_bit | two_bit_small, token_embedding, fact::none, Place::anywhere, T::Q2_K,
     "token embeddings"},
    {two_bit_large | IQ3_XXS, token_embedding, fact::none, Place::anywhere, T::IQ3_S,
     "token embeddings"},
    {{TQ1_0, TQ2_0, Q2_0},
     token_embedding,
     fact::none,
     Place::anywhere,
     T::Q4_K,
     "token embeddings"},

    // One and two bits: the few tensors that need more.
    {low_bit, values, fact::shared_values, Place::anywhere, T::Q4_K, "values shared by heads"},
    {low_bit, values, fact::four_experts, Place::anywhere, T::Q4_K, "values shared by experts"},
    {two_bit_large, values, fact::none, Place::anywhere, T::IQ3_S, "attention values"},
    {low_bit, values, fact::none, Place::anywhere, T::Q2_K, "attention values"},
    {low_bit, attention_k, fact::eight_experts, Place::anywhere, T::Q4_K,
     "keys shared by 8 experts"},
    {two_bit_large, ffn_down, fact::none, Place::first_eighth_counted, T::IQ3_S, "early ffn_down"},
    {low_bit, ffn_down, fact::none, Place::first_eighth_counted, T::Q2_K, "early ffn_down"},
    {low_bit, attention_output, fact::eight_experts, Place::anywhere, T::Q5_K,
     "attention output shared by 8 experts"},
    {one_bit, attention_output, fact::none, Place::anywhere, T::IQ2_XXS, "attention output"},
    {two_bit_large, attention_output, fact::none, Place::anywhere, T::IQ3_S, "attention output"},

    // Attention values. With 8 experts they are tiny beside the rest.
    {every_recipe, values, fact::eight_experts, Place::anywhere, T::Q8_0,
     "values shared by 8 experts"},
    {Q2_K, values, fact::shared_values, Place::anywhere, T::Q4_K, "values shared by heads"},
    {Q2_K, values, fact::none, Place::anywhere, T::Q3_K, "attention values"},
    {Q2_K_S, values, fact::shared_values, Place::anywhere, T::Q4_K, "values shared by heads"},
    {IQ3_XXS, values, fact::shared_values, Place::anywhere, T::Q4_K, "values shared by heads"},
    {IQ3_XXS, values, fact::no_imatrix, Place::anywhere, T::IQ3_S,
     "attention values without importance matrix"},
    {{IQ3_XS, IQ3_S},
     values,
     fact::shared_values,
     Place::anywhere,
     T::Q4_K,
     "values shared by heads"},
    {IQ3_M, values, fact::none, Place::anywhere, T::Q4_K, "attention values"},
    {Q3_K_M, values, fact::none, Place::first_two, T::Q5_K, "first attention values"},
    {Q3_K_M, values, fact::none, Place::anywhere, T::Q4_K, "attention values"},
    {Q3_K_L, values, fact::none, Place::anywhere, T::Q5_K, "attention values"},
    {{IQ4_NL, IQ4_XS},
     values,
     fact::shared_values,
     Place::anywhere,
     T::Q5_K,
     "values shared by heads"},
    {{Q4_K_M, Q5_K_M},
     values,
     fact::none,
     Place::spread,
     T::Q6_K,
     "attention values of chosen layers"},
    {Q4_K_S, values, fact::none, Place::first_four, T::Q5_K, "first attention values"},

    // Keys and queries.
    {every_recipe, attention_k, fact::eight_experts, Place::anywhere, T::Q8_0,
     "keys shared by 8 experts"},
    {IQ3_XS,
     {attention_q, attention_k},
     fact::none,
     Place::anywhere,
     T::IQ3_XXS,
     "queries and keys bear fewer bits"},
    {IQ3_XXS,
     {attention_q, attention_k},
     fact::none,
     Place::anywhere,
     T::IQ2_S,
     "queries and keys bear fewer bits"},

    // The matrix that leads out of the feed-forward part.
    {Q2_K, ffn_down, fact::none, Place::anywhere, T::Q3_K, "ffn_down"},
    {Q2_K_S, ffn_down, fact::none, Place::first_eighth, T::Q4_K, "early ffn_down"},
    {IQ3_XXS, ffn_down, fact::no_imatrix, Place::first_eighth, T::Q4_K,
     "early ffn_down without importance matrix"},
    {IQ3_XXS, ffn_down, fact::no_imatrix, Place::anywhere, T::Q3_K,
     "ffn_down without importance matrix"},
    {Q3_K_M, ffn_down, fact::none, Place::first_sixteenth, T::Q5_K, "early ffn_down"},
    {Q3_K_M, ffn_down, fact::not_falcon, Place::anywhere, T::Q4_K, "ffn_down"},
    {Q3_K_M, ffn_down, fact::falcon, Place::spread, T::Q4_K, "ffn_down of chosen layers"},
    {IQ3_M, ffn_down, fact::none, Place::first_eighth, T::Q4_K, "early ffn_down"},
    {IQ3_M, ffn_down, fact::eight_experts, Place::spread, T::Q4_K, "ffn_down of chosen layers"},
    {Q3_K_L, ffn_down, fact::falcon, Place::anywhere, T::Q4_K, "ffn_down"},
    {Q3_K_L, ffn_down, fact::none, Place::anywhere, T::Q5_K, "ffn_down"},
    {Q4_K_M, ffn_down, fact::falcon, Place::first_sixteenth, T::Q6_K, "early ffn_down"},
    {Q4_K_M, ffn_down, fact::falcon, Place::spread, T::Q5_K, "ffn_down of chosen layers"},
    {Q4_K_M, ffn_down, fact::not_falcon, Place::spread, T::Q6_K, "ffn_down of chosen layers"},
    {{IQ4_NL, IQ4_XS},
     ffn_down,
     fact::no_imatrix,
     Place::first_eighth,
     T::Q5_K,
     "early ffn_down without importance matrix"},
    {Q5_K_M, ffn_down, fact::none, Place::spread, T::Q6_K, "ffn_down of chosen layers"},
    {Q4_K_S, ffn_down, fact::not_falcon, Place::first_eighth, T::Q5_K, "early ffn_down"},
    {Q4_0, ffn_down, fact::imatrix, Place::first_eighth, T::Q4_1,
     "early ffn_down with importance matrix"},
    {Q5_0, ffn_down, fact::imatrix, Place::first_eighth, T::Q5_1,
     "early ffn_down with importance matrix"},

    // The matrix that leads out of the attention part.
    {{Q2_K, IQ3_XS, IQ3_XXS, Q3_K_S, Q3_K_M, IQ4_NL, Q4_K_S, Q4_K_M, IQ3_S, IQ3_M, IQ4_XS},
     attention_output,
     fact::not_falcon | fact::eight_experts,
     Place::anywhere,
     T::Q5_K,
     "attention output shared by 8 experts"},
    {Q2_K, attention_output, fact::not_falcon | fact::not_eight_experts, Place::anywhere, T::Q3_K,
     "attention output"},
    {IQ3_XXS, attention_output, fact::not_falcon | fact::not_eight_experts, Place::anywhere,
     T::IQ3_S, "attention output"},
    {{Q3_K_M, IQ3_M},
     attention_output,
     fact::not_falcon | fact::not_eight_experts,
     Place::anywhere,
     T::Q4_K,
     "attention output"},
    {Q3_K_L, attention_output, fact::not_falcon | fact::not_eight_experts, Place::anywhere, T::Q5_K,
     "attention output"},
    {Q3_K_L, attention_output, fact::falcon, Place::anywhere, T::Q4_K, "attention output"},

    // The matrices that lead into the feed-forward part.
    {IQ3_XS,
     {ffn_up, ffn_gate},
     fact::none,
     Place::middle,
     T::IQ3_XXS,
     "middle layers bear fewer bits"},
};

constexpr Amendment all_amendments[] = {
    {every_recipe.without(low_bit | MXFP4_MOE),
     values,
     fact::class_70b,
     {T::Q3_K, T::Q4_K},
     T::Q5_K,
     "values of a 70B model"},
};

constexpr Fallback all_fallbacks[] = {
    {{T::IQ1_S, T::IQ1_M, T::IQ2_XXS, T::IQ2_XS, T::IQ2_S, T::IQ3_XXS, T::IQ3_S, T::IQ4_XS},
     T::IQ4_NL},
    {{T::Q2_0, T::Q2_K, T::Q3_K, T::TQ1_0, T::TQ2_0}, T::Q4_0},
    {T::Q4_K, T::Q5_0},
    {T::Q5_K, T::Q5_1},
    {T::Q6_K, T::Q8_0},
};

constexpr WeightNeed all_weight_needs[] = {
    {every_recipe, {T::IQ3_XXS, T::IQ2_XXS, T::IQ2_XS, T::IQ2_S, T::IQ1_M, T::IQ1_S}},
    {Q2_K_S, T::Q2_K},
};

/// Architectures of which the reference calls a model of so many layers "70B".
struct Size70b {
    std::string_view architecture;
    std::uint32_t layers;
    bool only_with_shared_values;
};
constexpr Size70b sizes_70b[] = {
    {"llama", 80, true}, {"llama-embed", 80, true}, {"qwen2", 80, false},
    {"deci", 80, false}, {"olmo", 80, false},       {"jais2", 68, false},
};

}  // namespace

std::span<const Rule> rules() {
    return all_rules;
}
std::span<const Amendment> amendments() {
    return all_amendments;
}
std::span<const Fallback> fallbacks() {
    return all_fallbacks;
}
std::span<const WeightNeed> weight_needs() {
    return all_weight_needs;
}

bool is_70b_class(std::string_view architecture, std::uint32_t layers, std::uint32_t heads,
                  std::uint32_t kv_heads) {
    for (const Size70b& size : sizes_70b) {
        if (size.architecture == architecture && size.layers == layers) {
            return heads != kv_heads || !size.only_with_shared_values;
        }
    }
    return false;
}

bool is_at(Place place, const Position& position) {
    const std::int64_t i = position.index;
    const std::int64_t n = position.count;
    switch (place) {
        case Place::anywhere:
            return true;
        case Place::first_two:
            return i < 2;
        case Place::first_four:
            return i < 4;
        case Place::first_sixteenth:
            return i < n / 16;
        case Place::first_eighth:
            return i < n / 8;
        case Place::first_eighth_counted:
            return position.counted_index < n / 8;
        case Place::middle:
            return i >= n / 8 && i < 7 * n / 8;
        case Place::spread:
            return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
    }
    return false;
}

}  // namespace quantize::recipe

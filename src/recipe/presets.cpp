// The list of recipes, and how one is found by name or number.
#include "recipe/presets.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "quantize/recipe.h"
#include "recipe/names.h"

namespace quantize {
namespace {

using recipe::FileType;
using T = TensorType;

constexpr std::uint32_t id(FileType type) {
    return static_cast<std::uint32_t>(type);
}

constexpr Recipe alias(std::string_view name, FileType type, T default_type,
                       std::string_view full_name, std::string_view summary) {
    Recipe recipe{name, id(type), default_type, summary};
    recipe.alias_of = full_name;
    return recipe;
}

/// Embeddings and output in Q8_0, the rest as the recipe of that number.
constexpr Recipe large_ends(std::string_view name, FileType type, T default_type,
                            std::string_view summary) {
    Recipe recipe{name, id(type), default_type, summary};
    recipe.embedding_and_output = T::Q8_0;
    return recipe;
}

constexpr bool recommended = true;

/// In the order of llama-quantize's own list, since a number means the first that has it.
constexpr Recipe all_recipes[] = {
    {"Q1_0", id(FileType::Q1_0), T::Q1_0, "1 bit; only for models trained that way"},
    {"Q2_0", id(FileType::Q2_0), T::Q2_0, "2 bits; only for models trained that way"},
    {"Q4_0", id(FileType::Q4_0), T::Q4_0, "simple 4 bits, fast everywhere; Q4_K_S is better",
     0.2499},
    {"Q4_1", id(FileType::Q4_1), T::Q4_1, "simple 4 bits with minimum; Q4_K_M is better", 0.1846},
    {"MXFP4_MOE", id(FileType::MXFP4_MOE), T::MXFP4, "experts in FP4, the rest in 8 bits"},
    {"Q5_0", id(FileType::Q5_0), T::Q5_0, "simple 5 bits; Q5_K_S is better", 0.0796},
    {"Q5_1", id(FileType::Q5_1), T::Q5_1, "simple 5 bits with minimum; Q5_K_M is better", 0.0415},
    {"IQ2_XXS", id(FileType::IQ2_XXS), T::IQ2_XXS,
     "about 2.1 bits; large models, needs an importance matrix"},
    {"IQ2_XS", id(FileType::IQ2_XS), T::IQ2_XS,
     "about 2.3 bits; large models, needs an importance matrix"},
    {"IQ2_S", id(FileType::IQ2_S), T::IQ2_XS,
     "about 2.5 bits; large models, needs an importance matrix"},
    {"IQ2_M", id(FileType::IQ2_M), T::IQ2_S,
     "about 2.7 bits; large models, needs an importance matrix"},
    {"IQ1_S", id(FileType::IQ1_S), T::IQ1_S,
     "about 1.6 bits; the last resort, needs an importance matrix"},
    {"IQ1_M", id(FileType::IQ1_M), T::IQ1_M,
     "about 1.8 bits; the last resort, needs an importance matrix"},
    {"TQ1_0", id(FileType::TQ1_0), T::TQ1_0, "1.7 bits; only for ternary models (BitNet)"},
    {"TQ2_0", id(FileType::TQ2_0), T::TQ2_0, "2.1 bits; only for ternary models, faster to use"},
    {"Q2_K", id(FileType::Q2_K), T::Q2_K, "smallest without importance matrix; large loss", 0.8698},
    {"Q2_K_S", id(FileType::Q2_K_S), T::Q2_K, "smaller Q2_K; needs an importance matrix"},
    {"IQ3_XXS", id(FileType::IQ3_XXS), T::IQ3_XXS, "about 3.1 bits; needs an importance matrix"},
    {"IQ3_S", id(FileType::IQ3_S), T::IQ3_S, "about 3.4 bits; better than Q3_K_S"},
    {"IQ3_M", id(FileType::IQ3_M), T::IQ3_S, "about 3.7 bits; a good small choice with imatrix"},
    alias("Q3_K", FileType::Q3_K_M, T::Q3_K, "Q3_K_M", "another name of Q3_K_M"),
    {"IQ3_XS", id(FileType::IQ3_XS), T::IQ3_S, "about 3.3 bits; needs an importance matrix"},
    {"Q3_K_S", id(FileType::Q3_K_S), T::Q3_K, "very small; large loss", 0.5505},
    {"Q3_K_M", id(FileType::Q3_K_M), T::Q3_K, "very small; noticeable loss", 0.2437},
    {"Q3_K_L", id(FileType::Q3_K_L), T::Q3_K, "small; noticeable loss", 0.1803},
    {"IQ4_NL", id(FileType::IQ4_NL), T::IQ4_NL, "4.5 bits; for rows that 256 does not divide"},
    {"IQ4_XS", id(FileType::IQ4_XS), T::IQ4_XS,
     "about 4.3 bits; smaller than Q4_K_S and as good, with imatrix", std::nullopt, recommended},
    alias("Q4_K", FileType::Q4_K_M, T::Q4_K, "Q4_K_M", "another name of Q4_K_M"),
    {"Q4_K_S", id(FileType::Q4_K_S), T::Q4_K, "small; little loss", 0.1149},
    {"Q4_K_M", id(FileType::Q4_K_M), T::Q4_K, "the usual choice: small, little loss", 0.0535,
     recommended},
    alias("Q5_K", FileType::Q5_K_M, T::Q5_K, "Q5_K_M", "another name of Q5_K_M"),
    {"Q5_K_S", id(FileType::Q5_K_S), T::Q5_K, "medium; very little loss", 0.0353, recommended},
    {"Q5_K_M", id(FileType::Q5_K_M), T::Q5_K, "medium; very little loss", 0.0142, recommended},
    {"Q6_K", id(FileType::Q6_K), T::Q6_K, "large; hardly any loss", 0.0044, recommended},
    {"Q8_0", id(FileType::Q8_0), T::Q8_0, "half of F16; as good as lossless", 0.0004},
    {"F16", id(FileType::F16), T::F16, "16 bits; BF16 weights out of range are an error"},
    {"BF16", id(FileType::BF16), T::BF16, "16 bits with the range of F32"},
    {"F32", id(FileType::F32), T::F32, "32 bits; for further work, not for use"},
    {"COPY", id(FileType::F32), T::F32, "nothing is converted; to join, split or edit a model",
     std::nullopt, false, std::nullopt, true},

    large_ends("Q2_K_L", FileType::Q2_K, T::Q2_K, "Q2_K, embeddings and output in Q8_0"),
    large_ends("Q3_K_XL", FileType::Q3_K_L, T::Q3_K, "Q3_K_L, embeddings and output in Q8_0"),
    large_ends("Q4_K_L", FileType::Q4_K_M, T::Q4_K, "Q4_K_M, embeddings and output in Q8_0"),
    large_ends("Q5_K_L", FileType::Q5_K_M, T::Q5_K, "Q5_K_M, embeddings and output in Q8_0"),
    large_ends("Q6_K_L", FileType::Q6_K, T::Q6_K, "Q6_K, embeddings and output in Q8_0"),
};

std::string_view trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\n\r\f\v");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t\n\r\f\v") - first + 1);
}

}  // namespace

std::span<const Recipe> recipes() {
    return all_recipes;
}

const Recipe* find_recipe(std::string_view name_or_number) {
    for (const Recipe& candidate : all_recipes) {
        if (recipe::equal_names(candidate.name, name_or_number)) return &candidate;
    }
    // Scripts pass numbers. Unlike the reference nothing may follow the number, or else an
    // output called "2nd.gguf" would be taken for recipe 2.
    std::string_view text = trimmed(name_or_number);
    if (text.starts_with('+')) text.remove_prefix(1);
    std::uint32_t number = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failure != std::errc() || end != text.data() + text.size()) return nullptr;
    for (const Recipe& candidate : all_recipes) {
        if (candidate.file_type == number) return &candidate;
    }
    return nullptr;
}

}  // namespace quantize

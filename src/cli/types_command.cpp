// `quantize types`: every recipe and every tensor type, as tables or JSON.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "arguments.h"
#include "commands.h"
#include "quantize/error.h"
#include "quantize/format.h"
#include "quantize/recipe.h"

namespace quantize::cli {
namespace {

using nlohmann::ordered_json;

std::string_view weight_use_text(TensorType type) {
    const Format* format = find_format(type);
    if (format == nullptr) return "copied only";
    if (format->encode == nullptr) return "read only";
    switch (format->weight_use) {
        case WeightUse::ignored:
            return "not used";
        case WeightUse::optional:
            return "optional";
        case WeightUse::required:
            break;
    }
    return "required";
}

std::string perplexity_text(const Recipe& recipe) {
    return recipe.perplexity_increase ? fmt::format("{:+.4f}", *recipe.perplexity_increase) : "";
}

std::string recipe_number(const Recipe& recipe) {
    const bool own = !recipe.copy_only && !recipe.embedding_and_output;
    return own ? std::to_string(recipe.file_type) : "";
}

std::string tables() {
    std::string text =
        "Recipes: what TYPE on the command line may be. Bits are those of the type that most\n"
        "tensors get; * marks what to take when unsure. Perplexity: increase published for a 7B\n"
        "model (llama.cpp pull request 1684).\n\n"
        "  Recipe     Number  Bits   Perplexity  What it is for\n";
    for (const Recipe& recipe : recipes()) {
        text += fmt::format("{} {:<10} {:>6} {:>6.3f}  {:>9}  {}\n", recipe.recommended ? '*' : ' ',
                            recipe.name, recipe_number(recipe),
                            type_info(recipe.default_type).bits_per_weight(),
                            perplexity_text(recipe), recipe.summary);
    }
    text +=
        "\nTensor types: what --tensor-type and its kin take.\n\n"
        "  Type     Number  Bits    Block        Importance matrix\n";
    for (const TypeInfo& info : tensor_types) {
        text += fmt::format("  {:<8} {:>6} {:>6.3f}  {:>3} in {:>3} B  {}\n", info.name,
                            static_cast<std::uint32_t>(info.type), info.bits_per_weight(),
                            info.block_elems, info.block_bytes, weight_use_text(info.type));
    }
    return text;
}

std::string types_json() {
    ordered_json recipe_list = ordered_json::array();
    for (const Recipe& recipe : recipes()) {
        ordered_json entry{{"name", recipe.name},
                           {"file_type", recipe.file_type},
                           {"default_type", type_name(recipe.default_type)},
                           {"bits_per_weight", type_info(recipe.default_type).bits_per_weight()},
                           {"summary", recipe.summary},
                           {"recommended", recipe.recommended}};
        if (recipe.perplexity_increase) entry["perplexity_increase"] = *recipe.perplexity_increase;
        recipe_list.push_back(std::move(entry));
    }
    ordered_json type_list = ordered_json::array();
    for (const TypeInfo& info : tensor_types) {
        type_list.push_back({{"name", info.name},
                             {"number", static_cast<std::uint32_t>(info.type)},
                             {"bits_per_weight", info.bits_per_weight()},
                             {"block_elems", info.block_elems},
                             {"block_bytes", info.block_bytes},
                             {"importance_matrix", weight_use_text(info.type)}});
    }
    return ordered_json{{"recipes", std::move(recipe_list)}, {"types", std::move(type_list)}}.dump(
               2) +
           "\n";
}

}  // namespace

int run_types(const Words& words) {
    CLI::App app("Lists every recipe and tensor type.", "quantize types");
    bool json = false;
    app.add_flag("--json", json, "As JSON");
    lay_out_help(app, "quantize types [--json]");
    const auto others = parse_arguments(app, words);
    if (!others) return 0;
    if (!others->empty()) {
        throw Error("`quantize types` takes no file; a file of that name is written ./types",
                    ErrorKind::usage);
    }
    std::fputs((json ? types_json() : tables()).c_str(), stdout);
    return 0;
}

}  // namespace quantize::cli

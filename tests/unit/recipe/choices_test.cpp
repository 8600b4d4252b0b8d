// Replays choices of llama-quantize: a small set of our own, and the shapes of published models.
#include <catch2/catch_test_macros.hpp>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "quantize/error.h"
#include "quantize/recipe.h"

namespace quantize {
namespace {

using nlohmann::json;

json read_json(const std::filesystem::path& path) {
    std::ifstream file(path);
    REQUIRE(file);
    return json::parse(file);
}

TensorType type_named(const std::string& name) {
    const auto type = parse_tensor_type(name);
    REQUIRE(type);
    return *type;
}

std::optional<TensorType> optional_type(const json& object, const char* key) {
    if (!object.contains(key)) return std::nullopt;
    return type_named(object[key].get<std::string>());
}

bool flag(const json& object, const char* key) {
    return object.value(key, false);
}

ModelFacts facts_of(const json& model) {
    ModelFacts facts;
    facts.architecture = model["architecture"];
    facts.layers = model["layers"];
    facts.heads = model["heads"];
    facts.kv_heads = model["kv_heads"];
    facts.experts = model["experts"];
    for (const json& tensor : model["tensors"]) {
        if (tensor[0] == "output.weight") facts.tied_output = false;
    }
    return facts;
}

std::vector<TensorFacts> tensors_of(const json& model) {
    std::vector<TensorFacts> tensors;
    for (const json& tensor : model["tensors"]) {
        tensors.push_back({tensor[0], {tensor[1], tensor[2], tensor[3], 1}, TensorType::F16});
    }
    return tensors;
}

ChoiceOptions options_of(const json& case_) {
    ChoiceOptions options;
    options.has_imatrix = flag(case_, "imatrix");
    options.pure = flag(case_, "pure");
    options.leave_output_tensor = flag(case_, "leave_output_tensor");
    options.output_type = optional_type(case_, "output_type");
    options.token_embedding_type = optional_type(case_, "token_embedding_type");
    if (case_.contains("overrides")) {
        for (const json& type_override : case_["overrides"]) {
            options.overrides.push_back({type_override[0].get<std::string>(),
                                         type_named(type_override[1].get<std::string>())});
        }
    }
    return options;
}

/// The choice as the data writes it: a letter per tensor.
std::string in_letters(const std::vector<TypeChoice>& choices,
                       const std::map<std::string, char>& letters) {
    std::string text;
    for (const TypeChoice& choice : choices) {
        const char letter = letters.at(std::string(type_name(choice.type)));
        text += choice.needs_weights ? static_cast<char>(std::tolower(letter)) : letter;
    }
    return text;
}

}  // namespace

TEST_CASE("choices of llama-quantize for made-up models") {
    const json data = read_json(std::string(QUANTIZE_TEST_DATA) + "/recipes/choices.json");
    std::map<std::string, char> letters;
    for (const auto& [letter, type] : data["letters"].items())
        letters[type] = letter[0];
    std::size_t cases = 0;
    for (const json& model : data["models"]) {
        const ModelFacts facts = facts_of(model);
        const std::vector<TensorFacts> tensors = tensors_of(model);
        for (const json& case_ : model["cases"]) {
            INFO(model["name"] << ": " << case_.dump());
            ++cases;
            const Recipe* recipe = find_recipe(case_["recipe"].get<std::string>());
            REQUIRE(recipe != nullptr);
            const ChoiceOptions options = options_of(case_);
            if (flag(case_, "refused")) {
                CHECK_THROWS_AS(choose_types(*recipe, facts, tensors, options), Error);
                continue;
            }
            const auto choices = choose_types(*recipe, facts, tensors, options);
            CHECK(in_letters(choices, letters) == case_["types"].get<std::string>());
        }
    }
    CHECK(cases > 700);
}

TEST_CASE("choices of llama-quantize for published models") {
    const std::filesystem::path folder =
        std::filesystem::path(QUANTIZE_SHARED_DATA) / "golden" / "recipes";
    if (!std::filesystem::exists(folder)) SKIP("no reference data at " << folder);
    std::size_t compared = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        if (entry.path().extension() != ".json") continue;
        const json data = read_json(entry.path());
        const json& metadata = data["metadata"];
        const std::string arch = metadata["general.architecture"];
        ModelFacts facts;
        facts.architecture = arch;
        facts.layers = metadata[arch + ".block_count"];
        facts.heads = metadata[arch + ".attention.head_count"];
        facts.kv_heads = metadata[arch + ".attention.head_count_kv"];
        facts.experts = metadata.value(arch + ".expert_count", 0u);
        std::vector<TensorFacts> tensors;
        for (const json& tensor : data["tensors"]) {
            TensorFacts& added = tensors.emplace_back();
            added.name = tensor["name"];
            added.type = TensorType::F16;
            std::size_t dim = 0;
            for (const json& length : tensor["shape"])
                added.shape[dim++] = length;
            if (added.name == "output.weight") facts.tied_output = false;
        }
        for (const auto& [name, expected] : data["expected"].items()) {
            INFO(entry.path().filename() << " " << name);
            const Recipe* recipe = find_recipe(name);
            REQUIRE(recipe != nullptr);
            const auto choices = choose_types(*recipe, facts, tensors, {});
            const std::string fallback = expected["default"];
            std::size_t wrong = 0;
            for (std::size_t i = 0; i < tensors.size(); ++i) {
                const auto wanted = expected["overrides"].value(tensors[i].name, fallback);
                if (choices[i].type != type_named(wanted)) ++wrong;
                ++compared;
            }
            CHECK(wrong == 0);
        }
    }
    CHECK(compared > 50000);
}

}  // namespace quantize

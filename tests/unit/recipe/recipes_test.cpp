// The list of recipes: names, aliases, numbers, suggestions.
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "quantize/recipe.h"
#include "recipe/names.h"

namespace quantize {
namespace {

std::string found(std::string_view text) {
    const Recipe* recipe = find_recipe(text);
    return recipe == nullptr ? "nothing" : std::string(recipe->name);
}

}  // namespace

TEST_CASE("recipes are found by name in any case") {
    CHECK(found("Q4_K_M") == "Q4_K_M");
    CHECK(found("q4_k_m") == "Q4_K_M");
    CHECK(found("iQ2_xXs") == "IQ2_XXS");
    CHECK(found("mxfp4_moe") == "MXFP4_MOE");
    CHECK(found("copy") == "COPY");
    CHECK(found("q3_k_xl") == "Q3_K_XL");
    CHECK(found("") == "nothing");
    CHECK(found("Q4_K_M ") == "nothing");
    CHECK(found("Q9_9") == "nothing");
    CHECK(found("NVFP4") == "nothing");
}

TEST_CASE("recipes are found by number") {
    CHECK(found("0") == "F32");
    CHECK(found("1") == "F16");
    CHECK(found("7") == "Q8_0");
    CHECK(found("18") == "Q6_K");
    CHECK(found("32") == "BF16");
    CHECK(found("41") == "Q2_0");
    CHECK(found(" 7") == "Q8_0");
    CHECK(found("+07") == "Q8_0");
    // The first of the list that has the number, as in llama-quantize.
    CHECK(found("12") == "Q3_K");
    CHECK(found("15") == "Q4_K");
    CHECK(found("17") == "Q5_K");
    CHECK(find_recipe("17")->alias_of == "Q5_K_M");

    CHECK(found("4") == "nothing");
    CHECK(found("39") == "nothing");
    CHECK(found("-1") == "nothing");
    CHECK(found("1000") == "nothing");
    CHECK(found("99999999999999999999") == "nothing");
    CHECK(found("7abc") == "nothing");
    CHECK(found("2nd.gguf") == "nothing");
    CHECK(found("+") == "nothing");
}

TEST_CASE("the list of recipes is consistent") {
    std::set<std::string_view> names;
    for (const Recipe& recipe : recipes()) {
        CAPTURE(recipe.name);
        CHECK(names.insert(recipe.name).second);
        CHECK(found(recipe.name) == recipe.name);
        CHECK(!recipe.summary.empty());
        CHECK(recipe.file_type < 64);
        if (!recipe.alias_of.empty()) {
            const Recipe* full = find_recipe(recipe.alias_of);
            REQUIRE(full != nullptr);
            CHECK(full->file_type == recipe.file_type);
            CHECK(full->default_type == recipe.default_type);
        }
    }
    CHECK(recipes().size() == 44);
    CHECK(find_recipe("COPY")->copy_only);
    CHECK(find_recipe("Q4_K_L")->embedding_and_output == TensorType::Q8_0);
    CHECK(find_recipe("Q4_K_L")->file_type == find_recipe("Q4_K_M")->file_type);
    CHECK(find_recipe("Q3_K_XL")->file_type == find_recipe("Q3_K_L")->file_type);
    CHECK(find_recipe("Q4_K_M")->perplexity_increase == 0.0535);
    CHECK(find_recipe("Q4_K_M")->recommended);
}

TEST_CASE("suggestions for mistyped names") {
    CHECK(nearest_recipe_names("Q4_KM").front() == "Q4_K_M");
    CHECK(nearest_recipe_names("q5km").front() == "Q5_K_M");
    CHECK(nearest_recipe_names("Q4_K_XM").front() == "Q4_K_M");
    CHECK(nearest_recipe_names("IQ3XXS").front() == "IQ3_XXS");
    CHECK(nearest_type_names("q8_o").front() == "Q8_0");
    CHECK(nearest_type_names("fp16").front() == "F16");
    CHECK(nearest_recipe_names("Q4").size() == 3);
    CHECK(nearest_recipe_names("MXFP4_MO").size() == 1);
    CHECK(nearest_recipe_names("").empty());
    CHECK(nearest_recipe_names(std::string(100000, 'x')).size() <= 3);
}

TEST_CASE("typing distance") {
    using recipe::typing_distance;
    CHECK(typing_distance("", "") == 0);
    CHECK(typing_distance("abc", "") == 6);
    CHECK(typing_distance("", "abc") == 3);
    CHECK(typing_distance("Q4_K", "q4_k") == 0);
    CHECK(typing_distance("Q4KM", "Q4_K_M") == 2);
    CHECK(typing_distance("ab", "ba") == 2);
    CHECK(typing_distance("Q8_O", "Q8_0") == 2);
}

}  // namespace quantize

// What the replayed choices do not show: refusals, reasons, names at the edge, our own recipes.
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "quantize/error.h"
#include "quantize/recipe.h"
#include "recipe/category.h"

namespace quantize {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using T = TensorType;

ModelFacts small_llama() {
    ModelFacts facts;
    facts.architecture = "llama";
    facts.layers = 8;
    facts.heads = facts.kv_heads = 8;
    facts.tied_output = false;
    return facts;
}

TensorFacts tensor(std::string name, std::uint64_t cols = 256, T type = T::F16) {
    return {std::move(name), {cols, 64, 1, 1}, type};
}

TypeChoice choose(const char* recipe, const TensorFacts& one, const ChoiceOptions& options = {},
                  const ModelFacts& facts = small_llama()) {
    return choose_types(*find_recipe(recipe), facts, std::span(&one, 1), options).at(0);
}

}  // namespace

TEST_CASE("recipes with large ends keep embeddings and output in 8 bits") {
    CHECK(choose("Q4_K_L", tensor("output.weight")).type == T::Q8_0);
    CHECK(choose("Q4_K_L", tensor("token_embd.weight")).type == T::Q8_0);
    CHECK(choose("Q2_K_L", tensor("output.weight")).type == T::Q8_0);
    CHECK(choose("Q6_K_L", tensor("blk.4.ffn_up.weight")).type == T::Q6_K);
    CHECK(choose("Q3_K_XL", tensor("blk.4.attn_v.weight")).type == T::Q5_K);
    CHECK(choose("Q5_K_L", tensor("blk.0.ffn_down.weight")).type == T::Q6_K);
    CHECK(choose("Q4_K_L", tensor("output.weight", 80)).type == T::F16);
    CHECK(choose("Q4_K_L", tensor("output.weight", 80)).fallback_from == T::Q8_0);
    ChoiceOptions options;
    options.output_type = T::F16;
    CHECK(choose("Q4_K_L", tensor("output.weight"), options).type == T::F16);
    options.leave_output_tensor = true;
    CHECK_FALSE(choose("Q4_K_L", tensor("output.weight", 256, T::F32), options).quantizable);
}

TEST_CASE("what is kept keeps its type and says why") {
    for (const char* name : {"blk.0.attn_norm.weight", "blk.0.ffn_gate_inp.weight", "short",
                             "weigh", "blk.0.attn_q.bias", "position_embd.weight"}) {
        CAPTURE(name);
        const TypeChoice choice = choose("Q4_0", tensor(name, 256, T::BF16));
        CHECK(choice.type == T::BF16);
        CHECK_FALSE(choice.quantizable);
        CHECK_FALSE(choice.reason.empty());
    }
    CHECK(choose("Q4_0", tensor("weight")).type == T::Q4_0);
    CHECK(choose("COPY", tensor("weight", 256, T::F32)).type == T::F32);
    CHECK(choose("Q4_0", tensor("table.weight", 256, T::I32)).type == T::I32);
    const TensorFacts vector{"blk.0.x.weight", {256, 1, 1, 1}, T::F32};
    CHECK(choose("Q4_0", vector).type == T::F32);
    const TensorFacts stacked_vectors{"blk.0.x.weight", {256, 1, 3, 1}, T::F32};
    CHECK(choose("Q4_0", stacked_vectors).type == T::Q4_0);
}

TEST_CASE("models without layers keep or write as F16 what the reference would refuse") {
    ModelFacts image_model;
    image_model.architecture = "flux";
    image_model.foreign = true;
    const TensorFacts kernel{"conv_in.weight", {256, 3, 16, 4}, T::F32};
    CHECK(choose("Q4_0", kernel, {}, image_model).type == T::F32);
    CHECK(choose("Q4_0", kernel).type == T::Q4_0);
    const TypeChoice odd = choose("Q8_0", tensor("img_in.weight", 80), {}, image_model);
    CHECK(odd.type == T::F16);
    CHECK(odd.fallback_from == T::Q8_0);
    CHECK(choose("Q4_K_M", tensor("double_blocks.0.img_mlp.0.weight"), {}, image_model).type ==
          T::Q4_K);
}

TEST_CASE("rows that fit no type are refused with a remedy") {
    CHECK_THROWS_MATCHES(choose("Q4_0", tensor("blk.0.x.weight", 80)), Error,
                         MessageMatches(ContainsSubstring("tensor 'blk.0.x.weight'") &&
                                        ContainsSubstring("80") && ContainsSubstring("=F16")));
    // The remedy of the message works.
    ChoiceOptions options;
    options.overrides = {{"blk.0.x.weight", T::F16}};
    CHECK(choose("Q4_0", tensor("blk.0.x.weight", 80), options).type == T::F16);
    // A type named for the output alone has no fallback.
    options.output_type = T::Q6_K;
    CHECK_THROWS_MATCHES(choose("Q4_0", tensor("output.weight", 288), options), Error,
                         MessageMatches(ContainsSubstring("--output-tensor-type F16")));
}

TEST_CASE("fallbacks are told") {
    const TypeChoice choice = choose("Q4_K_M", tensor("blk.3.attn_q.weight", 288));
    CHECK(choice.type == T::Q5_0);
    CHECK(choice.fallback_from == T::Q4_K);
    CHECK(choose("Q4_K_M", tensor("blk.3.attn_q.weight", 80)).type == T::F16);
}

TEST_CASE("overrides") {
    ChoiceOptions options;
    options.overrides = {{"attn_(v", T::Q8_0}};
    CHECK_THROWS_MATCHES(choose("Q4_0", tensor("x.weight"), options), Error,
                         MessageMatches(ContainsSubstring("attn_(v")));
    options.overrides = {{std::string(5000, '('), T::Q8_0}};
    CHECK_THROWS_AS(choose("Q4_0", tensor("x.weight"), options), Error);
    options.overrides = {{"attn_v", T::Q8_K}};
    CHECK_THROWS_AS(choose("Q4_0", tensor("blk.0.attn_v.weight"), options), Error);
    CHECK_NOTHROW(choose("Q4_0", tensor("blk.0.attn_k.weight"), options));
    options.overrides = {{"attn", T::Q5_1}, {"attn_v", T::Q8_0}};
    const TypeChoice first = choose("Q4_0", tensor("blk.0.attn_v.weight"), options);
    CHECK(first.type == T::Q5_1);
    CHECK(first.overridden);
    CHECK(choose("F16", tensor("blk.0.attn_v.weight"), options).type == T::F16);
}

TEST_CASE("an override moves the later tensors of its class up") {
    std::vector<TensorFacts> tensors;
    for (int layer = 0; layer < 8; ++layer) {
        tensors.push_back(tensor("blk." + std::to_string(layer) + ".attn_v.weight"));
    }
    ChoiceOptions options;
    options.overrides = {{"blk\\.0\\.", T::F16}};
    const auto choices = choose_types(*find_recipe("Q3_K_M"), small_llama(), tensors, options);
    CHECK(choices[0].type == T::F16);
    CHECK(choices[1].type == T::Q5_K);
    CHECK(choices[2].type == T::Q5_K);
    CHECK(choices[3].type == T::Q4_K);
}

TEST_CASE("only conversions need weights") {
    const char* name = "blk.0.ffn_up.weight";
    CHECK(choose("IQ2_XXS", tensor(name)).needs_weights);
    CHECK_FALSE(choose("IQ2_XXS", tensor(name, 256, T::IQ2_XXS)).needs_weights);
    CHECK_FALSE(choose("Q2_K", tensor(name)).needs_weights);
    CHECK(choose("Q2_K_S", tensor(name)).needs_weights);
}

TEST_CASE("experts whose layer the name does not tell are counted") {
    ModelFacts facts = small_llama();
    facts.experts = 16;
    CHECK(choose("Q4_K_M", tensor("mtp.ffn_down.weight"), {}, facts).type == T::Q6_K);
    CHECK(choose("Q4_K_M", tensor("blk.70.ffn_down_exps.weight"), {}, facts).type == T::Q6_K);
}

TEST_CASE("the layer in a name") {
    CHECK(layer_of("blk.0.attn_q.weight") == 0);
    CHECK(layer_of("blk.17.attn_q.weight") == 17);
    CHECK(layer_of("blk.attn_q.weight") == -1);
    CHECK(layer_of("blk.") == -1);
    CHECK(layer_of("v.blk.3.x") == -1);
    CHECK(layer_of("blk.99999999999999999999.x") > 0);
    CHECK(chosen_before("output.weight", "blk.0.a"));
    CHECK(chosen_before("blk.2.z", "blk.10.a"));
    CHECK(chosen_before("blk.2.a", "blk.2.b"));
    CHECK_FALSE(chosen_before("blk.2.a", "blk.2.a"));
}

TEST_CASE("roles") {
    using recipe::Role;
    using recipe::role_of;
    CHECK(role_of("output.weight") == Role::output);
    CHECK(role_of("per_layer_token_embd.weight") == Role::token_embedding);
    CHECK(role_of("blk.1.attn_kv_b.weight") == Role::attention_kv_b);
    CHECK(role_of("blk.1.ffn_gate_up_exps.weight") == Role::ffn_gate);
    CHECK(role_of("blk.1.ssm_in.weight") == Role::other);
}

}  // namespace quantize

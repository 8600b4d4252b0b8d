// The facts of a model: what metadata gives, what overrides change, what is refused.
#include "model/facts.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "base/bytes.h"
#include "quantize/error.h"

namespace quantize::model {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using gguf::Value;
using Overrides = std::vector<std::pair<std::string, Value>>;

const std::vector<std::string> two_layers{"token_embd.weight", "blk.0.attn_q.weight",
                                          "blk.1.attn_q.weight", "output.weight"};

Value array_of(std::initializer_list<std::int32_t> numbers) {
    std::string encoded;
    append_le(encoded, static_cast<std::uint32_t>(gguf::ValueType::i32));
    append_le(encoded, std::uint64_t{numbers.size()});
    for (std::int32_t number : numbers)
        append_le(encoded, number);
    return Value(gguf::ValueType::array, encoded);
}

gguf::Document llama() {
    gguf::Document document;
    document.metadata = {{"general.architecture", Value::of("llama")},
                         {"llama.block_count", Value::of(std::uint32_t{2})},
                         {"llama.attention.head_count", Value::of(std::uint32_t{32})},
                         {"llama.attention.head_count_kv", Value::of(std::uint32_t{8})}};
    return document;
}

gguf::Document llama_with(std::string key, Value value) {
    gguf::Document document = llama();
    for (gguf::KeyValue& entry : document.metadata) {
        if (entry.key != key) continue;
        entry.value = std::move(value);
        return document;
    }
    document.metadata.push_back({std::move(key), std::move(value)});
    return document;
}

gguf::Document llama_without(std::string_view key) {
    gguf::Document document = llama();
    std::erase_if(document.metadata, [&](const gguf::KeyValue& entry) { return entry.key == key; });
    return document;
}

void check_refused(const gguf::Document& document, const char* key,
                   const Overrides& overrides = {}) {
    CAPTURE(key);
    CHECK_THROWS_MATCHES(read_model_facts(document, two_layers, overrides), Error,
                         MessageMatches(ContainsSubstring(key)));
}

}  // namespace

TEST_CASE("facts of a plain model") {
    const ModelFacts facts = read_model_facts(llama(), two_layers);
    CHECK(facts.architecture == "llama");
    CHECK(facts.layers == 2);
    CHECK(facts.heads == 32);
    CHECK(facts.kv_heads == 8);
    CHECK(facts.gqa() == 4);
    CHECK(facts.experts == 0);
    CHECK_FALSE(facts.tied_output);
    const std::vector<std::string> tied{"token_embd.weight"};
    CHECK(read_model_facts(llama(), tied).tied_output);
}

TEST_CASE("facts that metadata leaves out") {
    CHECK(read_model_facts(llama_without("llama.attention.head_count_kv"), two_layers).gqa() == 1);
    CHECK(read_model_facts(llama_without("llama.attention.head_count"), two_layers).heads == 0);
    // Any architecture will do; one without layers of the usual names states none.
    gguf::Document other;
    other.metadata = {{"general.architecture", Value::of("flux")}};
    const std::vector<std::string> names{"double_blocks.0.img_attn.qkv.weight"};
    CHECK(read_model_facts(other, names).layers == 0);
    CHECK(read_model_facts(other, names).foreign);
    CHECK_FALSE(read_model_facts(llama(), two_layers).foreign);
    gguf::Document projector;
    projector.metadata = {{"general.architecture", Value::of("clip")}};
    CHECK(read_model_facts(projector, names).foreign);
    check_refused(other, "flux.block_count=int:2");
    check_refused(llama_without("llama.block_count"), "llama.block_count=int:2");
    check_refused(llama_without("general.architecture"), "general.architecture");
}

TEST_CASE("numbers of layers") {
    const std::string kv = "llama.attention.head_count_kv";
    CHECK(read_model_facts(llama_with(kv, array_of({4, 8})), two_layers).kv_heads == 4);
    check_refused(llama_with(kv, array_of({4})), kv.c_str());
    check_refused(llama_with(kv, array_of({})), kv.c_str());
    check_refused(llama_with(kv, array_of({-4, 8})), kv.c_str());
    CHECK(read_model_facts(llama_with(kv, Value::of(std::uint32_t{0})), two_layers).gqa() == 0);
}

TEST_CASE("numbers of any integer type are taken, others refused") {
    const std::string key = "llama.block_count";
    CHECK(read_model_facts(llama_with(key, Value::of(std::uint64_t{2})), two_layers).layers == 2);
    CHECK(read_model_facts(llama_with(key, Value::of(std::int32_t{2})), two_layers).layers == 2);
    check_refused(llama_with(key, Value::of("2")), key.c_str());
    check_refused(llama_with(key, Value::of(2.0f)), key.c_str());
    check_refused(llama_with(key, Value::of(std::int32_t{-2})), key.c_str());
    check_refused(llama_with(key, Value::of(std::uint32_t{0})), key.c_str());
    check_refused(llama_with(key, Value::of(UINT32_MAX)), key.c_str());
    check_refused(llama_with(key, array_of({2, 2})), key.c_str());
    check_refused(llama_with("general.architecture", Value::of(std::uint32_t{7})),
                  "general.architecture");
    check_refused(llama_with("llama.attention.head_count", Value::of(UINT64_MAX)),
                  "llama.attention.head_count");
}

TEST_CASE("counts of experts must agree") {
    const auto with_experts = [](std::uint32_t experts, std::uint32_t used) {
        gguf::Document document = llama_with("llama.expert_count", Value::of(experts));
        document.metadata.push_back({"llama.expert_used_count", Value::of(used)});
        return document;
    };
    CHECK(read_model_facts(with_experts(8, 2), two_layers).experts == 8);
    CHECK(read_model_facts(with_experts(0, 0), two_layers).experts == 0);
    check_refused(with_experts(8, 9), "llama.expert_used_count");
    check_refused(with_experts(8, 0), "llama.expert_used_count");
    check_refused(with_experts(0, 2), "llama.expert_used_count");
    check_refused(with_experts(UINT32_MAX, 2), "llama.expert_count");
    gguf::Document dense = with_experts(1, 0);
    check_refused(dense, "llama.expert_used_count");
    for (gguf::KeyValue& entry : dense.metadata) {
        if (entry.key == "general.architecture") entry.value = Value::of("hunyuan-dense");
        if (entry.key.starts_with("llama.")) entry.key.replace(0, 5, "hunyuan-dense");
    }
    CHECK(read_model_facts(dense, two_layers).experts == 0);
    // The files that recipes are tested with do without the second number.
    const auto alone = llama_with("llama.expert_count", Value::of(std::uint32_t{8}));
    CHECK(read_model_facts(alone, two_layers).experts == 8);
}

TEST_CASE("overrides of metadata") {
    const Value eight = Value::of(std::uint32_t{8});
    const Value two = Value::of(std::uint32_t{2});
    const std::string experts = "llama.expert_count";
    const Overrides both{{experts, eight}, {"llama.expert_used_count", two}};
    CHECK(read_model_facts(llama(), two_layers, both).experts == 8);
    check_refused(llama(), "llama.expert_used_count", {{experts, eight}});

    const Overrides layers{{"llama.block_count", eight}};
    CHECK(read_model_facts(llama_without("llama.block_count"), two_layers, layers).layers == 8);
    // One of another type is no number and so is not heeded, and the first of a key counts.
    const Overrides text{{"llama.block_count", Value::of("8")}};
    CHECK(read_model_facts(llama(), two_layers, text).layers == 2);
    const Overrides twice{{"llama.block_count", eight}, {"llama.block_count", two}};
    CHECK(read_model_facts(llama(), two_layers, twice).layers == 8);

    const std::string kv = "llama.attention.head_count_kv";
    CHECK(read_model_facts(llama(), two_layers, Overrides{{kv, two}}).kv_heads == 2);
    CHECK(read_model_facts(llama_without(kv), two_layers, Overrides{{kv, two}}).kv_heads == 32);

    const Overrides falcon{{"general.architecture", Value::of("falcon")}};
    check_refused(llama(), "falcon.block_count", falcon);
}

TEST_CASE("layers that run several times count each time") {
    gguf::Document document;
    document.metadata = {{"general.architecture", Value::of("nanbeige")},
                         {"nanbeige.block_count", Value::of(std::uint32_t{2})},
                         {"nanbeige.num_loops", Value::of(std::uint32_t{3})}};
    CHECK(read_model_facts(document, two_layers).layers == 6);
    document.metadata.back().value = Value::of(std::uint32_t{0});
    check_refused(document, "nanbeige.num_loops");
}

}  // namespace quantize::model

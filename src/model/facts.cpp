// Keys of the metadata to facts, with the checks that keep nonsense out of the rules.
#include "model/facts.h"

#include <algorithm>
#include <optional>

#include "quantize/error.h"

namespace quantize::model {
namespace {

/// More layers or experts than any program runs today; beyond it the tensors must bear it out.
constexpr std::uint64_t credible_count = 512;

class Metadata {
 public:
    Metadata(const gguf::Document& document, MetadataOverrides overrides)
        : document_(document), overrides_(overrides) {}

    std::string architecture() const {
        const std::string key = "general.architecture";
        if (const gguf::Value* value = overridden(key); value && value->as_string()) {
            return std::string(*value->as_string());
        }
        const gguf::Value* value = document_.find(key);
        if (value == nullptr || (value->as_string() && value->as_string()->empty())) {
            throw Error(
                "is missing, so this is no model that recipes apply to; name it with "
                "--override-kv general.architecture=str:NAME")
                .at(key_item(key));
        }
        if (!value->as_string()) {
            throw Error(
                "holds " + std::string(gguf::value_type_name(value->type())) +
                " where a string belongs; name it with --override-kv general.architecture=str:NAME")
                .at(key_item(key));
        }
        return std::string(*value->as_string());
    }

    /// The whole number under `key`; nothing when it is absent.
    std::optional<std::uint64_t> number(const std::string& key) const {
        if (const gguf::Value* value = overridden(key); value && value->as_unsigned()) {
            return value->as_unsigned();
        }
        const gguf::Value* value = document_.find(key);
        if (value == nullptr) return std::nullopt;
        if (!value->as_unsigned()) throw not_a_count(key, *value);
        return value->as_unsigned();
    }

    /// As number(), but the file may give one for each layer; that of the first layer counts.
    /// As in the reference an override is heeded only where the file has a single number.
    std::optional<std::uint64_t> first_layer_number(const std::string& key,
                                                    std::uint64_t layers) const {
        const gguf::Value* value = document_.find(key);
        if (value == nullptr) return std::nullopt;
        if (value->type() != gguf::ValueType::array) return number(key);
        if (value->element_count() != layers) {
            throw Error("has " + std::to_string(value->element_count()) + " numbers for " +
                        std::to_string(layers) + " layers; convert the original model again")
                .at(key_item(key));
        }
        std::optional<std::uint64_t> first;
        value->for_each_element([&](const gguf::Value& element) { first = element.as_unsigned(); },
                                1);
        if (!first) throw not_a_count(key, *value);
        return first;
    }

    /// Throws Error when `key` is there and neither a whole number nor a list of them: the recipes
    /// have no use for it, but no program could load the output.
    void check_counts(const std::string& key) const {
        const gguf::Value* value = document_.find(key);
        if (value == nullptr || value->as_unsigned()) return;
        bool sound = value->type() == gguf::ValueType::array;
        value->for_each_element(
            [&](const gguf::Value& element) { sound = sound && element.as_unsigned(); });
        if (!sound) throw not_a_count(key, *value);
    }

    bool is_overridden(const std::string& key) const {
        const gguf::Value* value = overridden(key);
        return value != nullptr && value->as_unsigned();
    }

 private:
    const gguf::Value* overridden(const std::string& key) const {
        const auto found =
            std::ranges::find(overrides_, key, [](const auto& o) { return o.first; });
        return found == overrides_.end() ? nullptr : &found->second;
    }

    static Error not_a_count(const std::string& key, const gguf::Value& value) {
        return Error("holds " + value.to_text(40) + " (" +
                     std::string(gguf::value_type_name(value.type())) +
                     ") where a whole number belongs; set it with --override-kv " + printable(key) +
                     "=int:N")
            .at(key_item(key));
    }

    const gguf::Document& document_;
    MetadataOverrides overrides_;
};

/// One more than the highest layer that a tensor's name states; 0 when none does.
std::uint64_t layers_seen(std::span<const std::string> tensor_names) {
    std::int64_t seen = 0;
    for (const std::string& name : tensor_names) {
        seen = std::max<std::int64_t>(seen, std::int64_t{layer_of(name)} + 1);
    }
    return static_cast<std::uint64_t>(seen);
}

std::uint64_t read_layers(const Metadata& metadata, const std::string& key,
                          std::span<const std::string> tensor_names) {
    const std::uint64_t seen = layers_seen(tensor_names);
    const std::optional<std::uint64_t> stated = metadata.number(key);
    if (!stated) {
        // A model without layers of this naming (image generation, audio) states none.
        if (seen == 0) return 0;
        throw Error("is missing, but tensors of " + std::to_string(seen) +
                    " layers are there; set it with --override-kv " + printable(key) +
                    "=int:" + std::to_string(seen))
            .at(key_item(key));
    }
    if (*stated == 0 || (*stated > credible_count && *stated > seen)) {
        throw Error("says " + std::to_string(*stated) + " layers, which cannot be; set it with " +
                    "--override-kv " + printable(key) + "=int:N")
            .at(key_item(key));
    }
    return *stated;
}

std::uint64_t read_experts(const Metadata& metadata, const std::string& architecture) {
    const std::string key = architecture + ".expert_count";
    const std::string used_key = architecture + ".expert_used_count";
    const std::uint64_t experts = metadata.number(key).value_or(0);
    const std::optional<std::uint64_t> used = metadata.number(used_key);
    // Dense models of these families state one expert and whatever number in use.
    const bool may_state_one = architecture == "hunyuan-dense" || architecture == "hunyuan_vl";
    if (may_state_one && experts <= 1) return 0;
    if (experts > credible_count) {
        throw Error("says " + std::to_string(experts) +
                    " experts, which cannot be; set it with --override-kv " + printable(key) +
                    "=int:N")
            .at(key_item(key));
    }
    // A file may leave the second number out, but who sets the first by hand must set both, or
    // the output could not be loaded.
    const bool incomplete = !used && experts > 0 && metadata.is_overridden(key);
    const bool contradictory = used && (*used > experts || (experts > 0 && *used == 0));
    if (incomplete || contradictory) {
        throw Error(std::to_string(used.value_or(0)) + " experts in use of " +
                    std::to_string(experts) + " cannot be; set both counts with --override-kv " +
                    printable(key) + "=int:N and " + printable(used_key) + "=int:N")
            .at(key_item(used_key));
    }
    return experts;
}

std::uint32_t as_count(const std::string& key, std::uint64_t value) {
    if (value > UINT32_MAX) {
        throw Error("says " + std::to_string(value) +
                    ", which cannot be; convert the original model again")
            .at(key_item(key));
    }
    return static_cast<std::uint32_t>(value);
}

}  // namespace

ModelFacts read_model_facts(const gguf::Document& document,
                            std::span<const std::string> tensor_names,
                            MetadataOverrides overrides) {
    const Metadata metadata(document, overrides);
    ModelFacts facts;
    facts.architecture = metadata.architecture();
    facts.tied_output = std::ranges::find(tensor_names, "output.weight") == tensor_names.end();
    // A projector of images or sound keeps its numbers elsewhere, and its rules use none.
    facts.foreign = facts.architecture == "clip";
    if (facts.foreign) return facts;

    const std::string prefix = facts.architecture + ".";
    std::uint64_t layers = read_layers(metadata, prefix + "block_count", tensor_names);
    for (const char* name : {"context_length", "embedding_length", "feed_forward_length"})
        metadata.check_counts(prefix + name);
    facts.foreign = layers == 0;
    facts.experts = static_cast<std::uint32_t>(read_experts(metadata, facts.architecture));

    const std::string heads_key = prefix + "attention.head_count";
    const std::string kv_heads_key = prefix + "attention.head_count_kv";
    const std::uint64_t heads = metadata.first_layer_number(heads_key, layers).value_or(0);
    facts.heads = as_count(heads_key, heads);
    facts.kv_heads =
        as_count(kv_heads_key, metadata.first_layer_number(kv_heads_key, layers).value_or(heads));

    // One architecture runs its layers several times and counts each time as a layer.
    if (facts.architecture == "nanbeige") {
        const std::string key = prefix + "num_loops";
        const std::uint64_t loops = metadata.number(key).value_or(1);
        if (loops == 0 || loops > credible_count) {
            throw Error("says " + std::to_string(loops) +
                        " loops, which cannot be; set it with --override-kv " + printable(key) +
                        "=int:N")
                .at(key_item(key));
        }
        layers *= loops;
    }
    facts.layers = as_count(prefix + "block_count", layers);
    return facts;
}

}  // namespace quantize::model

// The choice of a type per tensor: what the user asked for, else the recipe's rules, then a
// fallback where the row length makes one necessary. A pure pass over the tensors in order; what
// a rule counts (how many tensors of a class came before) lives in this file's Chooser alone.
#include <array>
#include <utility>

#include "quantize/error.h"
#include "quantize/recipe.h"
#include "recipe/category.h"
#include "recipe/name_pattern.h"
#include "recipe/presets.h"

namespace quantize {
namespace {

using recipe::FileType;
using recipe::Role;
namespace fact = recipe::fact;

bool is_class(TensorType type, TypeClass type_class) {
    return type_info(type).type_class == type_class;
}

bool fits(const TensorFacts& tensor, TensorType type) {
    return tensor.shape[0] % type_info(type).block_elems == 0;
}

struct CompiledOverride {
    NamePattern pattern;
    const TypeOverride* source;
};

std::vector<CompiledOverride> compile(const std::vector<TypeOverride>& overrides) {
    std::vector<CompiledOverride> compiled;
    compiled.reserve(overrides.size());
    for (const TypeOverride& wanted_type : overrides) {
        compiled.push_back({NamePattern(wanted_type.pattern), &wanted_type});
    }
    return compiled;
}

class Chooser {
 public:
    Chooser(const Recipe& recipe, const ModelFacts& model, const ChoiceOptions& options)
        : recipe_(recipe),
          file_type_(static_cast<FileType>(recipe.file_type)),
          model_(model),
          options_(options),
          overrides_(compile(options.overrides)),
          model_facts_(facts_of_model()) {}

    std::vector<TypeChoice> choose(std::span<const TensorFacts> tensors) {
        for (const TensorFacts& tensor : tensors) {
            if (recipe::carries_values(recipe::role_of(tensor.name))) ++value_tensors_;
        }
        std::vector<TypeChoice> choices;
        choices.reserve(tensors.size());
        for (const TensorFacts& tensor : tensors) {
            TypeChoice choice = choose_one(tensor);
            check_writable(tensor, choice);
            choice.needs_weights = needs_weights(tensor, choice.type);
            choices.push_back(std::move(choice));
        }
        return choices;
    }

 private:
    /// How far each class has been counted. An override takes a tensor out of the count, as it
    /// does in the reference, so that later tensors of the class move up.
    struct Counts {
        std::int64_t values = 0;
        std::int64_t ffn_down = 0;
        std::int64_t ffn_gate = 0;
        std::int64_t ffn_up = 0;
    };

    TypeChoice choose_one(const TensorFacts& tensor) {
        TypeChoice choice;
        if (const std::string_view kept = reason_to_keep(tensor); !kept.empty()) {
            choice.type = tensor.type;
            choice.reason = kept;
            return choice;
        }
        choice.type = recipe_.default_type;
        choice.reason = "recipe default";
        choice.quantizable = true;
        const Role role = recipe::role_of(tensor.name);
        if (apply_type_of_ends(tensor, role, choice)) return choice;
        if (!is_class(recipe_.default_type, TypeClass::quantized)) return choice;
        if (!apply_override(tensor, choice) && !options_.pure) apply_rules(tensor, role, choice);
        fall_back(tensor, choice);
        return choice;
    }

    std::string_view reason_to_keep(const TensorFacts& tensor) const {
        if (recipe_.copy_only) return "copied";
        if (options_.leave_output_tensor && tensor.name == "output.weight") {
            return "output tensor left as it is";
        }
        if (is_class(tensor.type, TypeClass::verbatim))
            return "only numbers that are weights change";
        if (model_.foreign && tensor.shape[3] > 1) return "four dimensions are kept";
        return recipe::reason_to_keep(tensor.name, tensor.shape);
    }

    /// Types that the user, or a recipe such as Q4_K_L, gives to embeddings and output.
    bool apply_type_of_ends(const TensorFacts& tensor, Role role, TypeChoice& choice) const {
        const bool is_output = role == Role::output;
        if (!is_output && role != Role::token_embedding) return false;
        const auto& wanted = is_output ? options_.output_type : options_.token_embedding_type;
        if (wanted) {
            choice.type = *wanted;
            choice.reason = is_output ? "--output-tensor-type" : "--token-embedding-type";
            choice.overridden = true;
            if (!fits(tensor, *wanted)) throw misfit(tensor, *wanted, choice.reason + " F16");
            return true;
        }
        if (!recipe_.embedding_and_output) return false;
        choice.type = *recipe_.embedding_and_output;
        choice.reason = is_output ? "output of this recipe" : "embeddings of this recipe";
        if (!fits(tensor, choice.type)) {
            choice.fallback_from = std::exchange(choice.type, TensorType::F16);
        }
        return true;
    }

    bool apply_override(const TensorFacts& tensor, TypeChoice& choice) const {
        for (const CompiledOverride& wanted_type : overrides_) {
            if (!matches(wanted_type, tensor)) continue;
            choice.type = wanted_type.source->type;
            choice.reason = "--tensor-type " + printable(wanted_type.source->pattern);
            choice.overridden = true;
            return true;
        }
        return false;
    }

    static bool matches(const CompiledOverride& wanted_type, const TensorFacts& tensor) {
        try {
            return wanted_type.pattern.is_found_in(tensor.name);
        } catch (const Error& error) {
            throw error.at(tensor_item(tensor.name));
        }
    }

    void apply_rules(const TensorFacts& tensor, Role role, TypeChoice& choice) {
        // A tied embedding is the output matrix too and is treated as such.
        if (role == Role::token_embedding && model_.tied_output) role = Role::output;
        if (role == Role::output && options_.output_type) {
            choice.type = *options_.output_type;
            choice.reason = "--output-tensor-type, tied to the embeddings";
            choice.overridden = true;
            return;
        }
        const recipe::Facts holds = facts_of(tensor);
        const recipe::Position position = count(tensor, role);
        for (const recipe::Rule& rule : recipe::rules()) {
            if (!rule.recipes.contains(file_type_) || !rule.roles.contains(role)) continue;
            if ((rule.facts & ~holds) != 0 || !recipe::is_at(rule.place, position)) continue;
            choice.type = rule.type;
            choice.reason = rule.reason;
            break;
        }
        for (const recipe::Amendment& amendment : recipe::amendments()) {
            if (!amendment.recipes.contains(file_type_) || !amendment.roles.contains(role))
                continue;
            if ((amendment.facts & ~holds) != 0 || !amendment.from.contains(choice.type)) continue;
            choice.type = amendment.to;
            choice.reason = amendment.reason;
            break;
        }
    }

    /// Where the tensor stands in its class; counts it.
    recipe::Position count(const TensorFacts& tensor, Role role) {
        if (recipe::carries_values(role)) {
            const std::int64_t index = counts_.values++;
            return {index, index, value_tensors_};
        }
        std::int64_t* counter = role == Role::ffn_down   ? &counts_.ffn_down
                                : role == Role::ffn_gate ? &counts_.ffn_gate
                                : role == Role::ffn_up   ? &counts_.ffn_up
                                                         : nullptr;
        if (counter == nullptr) return {0, 0, 0};
        const std::int64_t counted = (*counter)++;
        // Experts may be tensors of their own, several in a layer, so there the name tells the
        // layer. A name that tells none (an extra prediction head, a vision tower) is counted.
        const int layer = model_.experts > 1 ? layer_of(tensor.name) : -1;
        return {layer >= 0 ? layer : counted, counted, model_.layers};
    }

    recipe::Facts facts_of_model() const {
        recipe::Facts facts = fact::none;
        if (model_.gqa() >= 4) facts |= fact::shared_values;
        if (model_.experts >= 4) facts |= fact::four_experts;
        facts |= model_.experts == 8 ? fact::eight_experts : fact::not_eight_experts;
        facts |= model_.architecture == "falcon" ? fact::falcon : fact::not_falcon;
        facts |= options_.has_imatrix ? fact::imatrix : fact::no_imatrix;
        if (recipe::is_70b_class(model_.architecture, model_.layers, model_.heads,
                                 model_.kv_heads)) {
            facts |= fact::class_70b;
        }
        return facts;
    }

    recipe::Facts facts_of(const TensorFacts& tensor) const {
        recipe::Facts facts = model_facts_;
        if (tensor.shape[2] > 1) facts |= fact::stacked_experts;
        if (!fits(tensor, recipe_.default_type)) facts |= fact::odd_rows;
        return facts;
    }

    void fall_back(const TensorFacts& tensor, TypeChoice& choice) const {
        if (fits(tensor, choice.type)) return;
        for (const recipe::Fallback& fallback : recipe::fallbacks()) {
            if (!fallback.from.contains(choice.type)) continue;
            choice.fallback_from = choice.type;
            choice.type = fits(tensor, fallback.to) ? fallback.to : TensorType::F16;
            return;
        }
        if (model_.foreign) {
            choice.fallback_from = std::exchange(choice.type, TensorType::F16);
            return;
        }
        throw misfit(tensor, choice.type, "--tensor-type '" + printable(tensor.name) + "=F16'");
    }

    /// `remedy` is an option that gives the tensor a type that always fits.
    static Error misfit(const TensorFacts& tensor, TensorType type, const std::string& remedy) {
        const TypeInfo& info = type_info(type);
        return Error("its rows of " + std::to_string(tensor.shape[0]) +
                     " weights are no whole blocks of " + std::to_string(info.block_elems) +
                     ", which " + std::string(info.name) +
                     " needs, and no other type stands in for it; name one that fits, such as " +
                     remedy)
            .at(tensor_item(tensor.name));
    }

    static void check_writable(const TensorFacts& tensor, const TypeChoice& choice) {
        if (choice.type == tensor.type || !is_class(choice.type, TypeClass::verbatim)) return;
        throw Error("weights cannot be converted to " + std::string(type_name(choice.type)) +
                        "; choose a type of weights, such as Q8_0 or F16",
                    ErrorKind::usage)
            .at(tensor_item(tensor.name));
    }

    bool needs_weights(const TensorFacts& tensor, TensorType type) const {
        const Role role = recipe::role_of(tensor.name);
        if (type == tensor.type || role == Role::output || role == Role::token_embedding) {
            return false;
        }
        for (const recipe::WeightNeed& need : recipe::weight_needs()) {
            if (need.recipes.contains(file_type_) && need.types.contains(type)) return true;
        }
        return false;
    }

    const Recipe& recipe_;
    const FileType file_type_;
    const ModelFacts& model_;
    const ChoiceOptions& options_;
    const std::vector<CompiledOverride> overrides_;
    const recipe::Facts model_facts_;
    std::int64_t value_tensors_ = 0;
    Counts counts_;
};

}  // namespace

std::vector<TypeChoice> choose_types(const Recipe& recipe, const ModelFacts& model,
                                     std::span<const TensorFacts> tensors,
                                     const ChoiceOptions& options) {
    return Chooser(recipe, model, options).choose(tensors);
}

}  // namespace quantize

// Makes the plan, step by step: tensors and their order, types, checks, metadata, layout.
#include "pipeline/plan.h"

#include <algorithm>
#include <iterator>

#include "gguf/split.h"
#include "model/facts.h"
#include "pipeline/layers.h"
#include "pipeline/metadata.h"
#include "pipeline/outputs.h"
#include "quantize/error.h"
#include "quantize/option_text.h"

namespace quantize::pipeline {
namespace {

/// Trailing dimensions of one are not written, as the reference does it.
unsigned written_dims(const gguf::TensorInfo& info) {
    unsigned dims = gguf::max_dims;
    while (dims > 1 && info.shape[dims - 1] == 1)
        --dims;
    return dims;
}

class Planner {
 public:
    Planner(const Request& request, const model::TensorSource& source,
            const model::ImportanceMatrix& imatrix)
        : request_(request),
          source_(source),
          imatrix_(imatrix),
          recipe_(parse_recipe_option(request.recipe)) {}

    Plan make() {
        collect_tensors();
        choose();
        lay_out();
        complete_report();
        return std::move(plan_);
    }

 private:
    void collect_tensors() {
        std::vector<const model::SourceTensor*> ordered;
        std::vector<std::string_view> names;
        for (const model::SourceTensor& tensor : source_.tensors()) {
            ordered.push_back(&tensor);
            names.push_back(tensor.info.name);
        }
        layers_ = LayerMap(request_.prune_layers, names);
        std::ranges::sort(ordered, [&](const auto* a, const auto* b) {
            if (!request_.keep_split) return chosen_before(a->info.name, b->info.name);
            return std::pair(a->shard, a->file_offset) < std::pair(b->shard, b->file_offset);
        });
        for (const model::SourceTensor* tensor : ordered) {
            if (auto name = layers_.rename(tensor->info.name)) {
                plan_.tensors.push_back({.source = tensor, .name = std::move(*name)});
            }
        }
    }

    void choose() {
        std::vector<std::string> names;
        std::vector<TensorFacts> facts;
        for (const TensorPlan& tensor : plan_.tensors) {
            const gguf::TensorInfo& info = tensor.source->info;
            names.push_back(tensor.source->info.name);
            facts.push_back({tensor.name, info.shape, info.type});
        }
        const ModelFacts model =
            model::read_model_facts(source_.metadata(), names, request_.metadata_overrides);
        architecture_ = model.architecture;
        const ChoiceOptions options{.pure = request_.pure,
                                    .leave_output_tensor = request_.leave_output_tensor,
                                    .has_imatrix = !imatrix_.empty(),
                                    .output_type = request_.output_type,
                                    .token_embedding_type = request_.token_embedding_type,
                                    .overrides = request_.type_overrides};
        const std::vector<TypeChoice> choices = choose_types(recipe_, model, facts, options);
        for (std::size_t i = 0; i < choices.size(); ++i)
            apply(choices[i], plan_.tensors[i]);
    }

    void apply(const TypeChoice& choice, TensorPlan& tensor) {
        tensor.to = choice.type;
        const gguf::TensorInfo& info = tensor.source->info;
        TensorReport report;
        report.name = tensor.name;
        report.shape.assign(info.shape.begin(), info.shape.begin() + written_dims(info));
        report.from = tensor.from();
        report.to = tensor.to;
        report.bytes_from = info.bytes();
        report.bytes_to = info.rows() * row_bytes(tensor.to, info.shape[0]);
        report.reason = choice.reason;
        report.fallback_from = choice.fallback_from;
        try {
            check_type(info.type);
            if (tensor.converts()) {
                check_conversion(tensor);
                choose_weights(choice, tensor, report);
            }
        } catch (const Error& error) {
            throw error.at(tensor_item(info.name))
                .in_file(source_.files()[tensor.source->shard].path().string());
        }
        plan_.report.tensors.push_back(std::move(report));
    }

    static void check_type(TensorType type) {
        if (type != TensorType::Q8_1 && type != TensorType::Q8_K) return;
        throw Error("is of type " + std::string(type_name(type)) +
                    ", which programs use in memory only: no program can run a file with it; "
                    "convert the original model again");
    }

    void check_conversion(const TensorPlan& tensor) {
        const gguf::TensorInfo& info = tensor.source->info;
        if (info.shape[3] > 1) {
            throw Error(
                "has four dimensions, which only COPY or its own type can write; keep it "
                "with --tensor-type '" +
                printable(info.name) + "=" + std::string(type_name(info.type)) + "'");
        }
        const bool quantized = type_info(info.type).type_class == TypeClass::quantized;
        if (quantized && !request_.allow_requantize && request_.dry_run) {
            ++quantized_already_;
        } else if (quantized && !request_.allow_requantize) {
            throw Error("is quantized already (" + std::string(type_name(info.type)) +
                        "); start from the F16, BF16 or F32 model, or accept the loss with "
                        "--allow-requantize");
        }
        const Format* decoder = find_format(tensor.from());
        const Format* encoder = find_format(tensor.to);
        if (decoder == nullptr || decoder->decode == nullptr || encoder == nullptr ||
            encoder->encode == nullptr) {
            throw Error("cannot be converted from " + std::string(type_name(tensor.from())) +
                        " to " + std::string(type_name(tensor.to)));
        }
    }

    void choose_weights(const TypeChoice& choice, TensorPlan& tensor, TensorReport& report) {
        const gguf::TensorInfo& info = tensor.source->info;
        const WeightUse use = find_format(tensor.to)->weight_use;
        // Sizes are checked even for types that make no use of weights, as in the reference.
        const bool available = !imatrix_.empty() && imatrix_.has_weights(info.name, info.shape);
        tensor.use_weights = available && use != WeightUse::ignored;
        report.used_imatrix = tensor.use_weights;
        report.missing_imatrix = !imatrix_.empty() && !available && use != WeightUse::ignored;
        const bool required = use == WeightUse::required;
        if (available || !(choice.needs_weights || required)) return;
        if (request_.dry_run) {
            plan_.report.tensors_in_need_of_imatrix.push_back(tensor.name);
            return;
        }
        if (choice.overridden && !required) {
            // Who names a type for a tensor gets it where it can be had.
            plan_.report.warnings.push_back(tensor_item(tensor.name) + ": " +
                                            std::string(type_name(tensor.to)) +
                                            " without importance weights loses much quality");
            return;
        }
        const std::string type(type_name(tensor.to));
        throw Error(imatrix_.empty()
                        ? type +
                              " needs an importance matrix; give one with --imatrix, or choose "
                              "a larger type"
                        : type +
                              " needs importance weights, and the matrix has none for it; use a "
                              "matrix that covers it, or give it another type with --tensor-type");
    }

    void lay_out() {
        gguf::Document document =
            output_metadata(request_, recipe_, architecture_, source_, imatrix_,
                            layers_.prunes() ? std::optional(layers_.layer_count()) : std::nullopt);
        std::size_t outputs = 1;
        if (request_.keep_split) {
            for (TensorPlan& tensor : plan_.tensors) {
                tensor.output = tensor.source->shard;
                outputs = std::max(outputs, tensor.output + 1);
            }
        }
        plan_.outputs.resize(outputs);
        plan_.outputs[0].document = std::move(document);
        if (outputs > 1) {
            for (std::size_t i = 0; i < outputs; ++i) {
                gguf::set_shard_position(plan_.outputs[i].document, static_cast<std::uint32_t>(i),
                                         static_cast<std::uint32_t>(outputs), plan_.tensors.size());
            }
        }
        for (const TensorPlan& tensor : plan_.tensors) {
            gguf::TensorInfo info = tensor.source->info;
            info.name = tensor.name;
            info.dims = written_dims(info);
            info.type = tensor.to;
            plan_.outputs[tensor.output].document.tensors.push_back(std::move(info));
        }
        place_data();
    }

    void place_data() {
        for (OutputPlan& output : plan_.outputs) {
            output.bytes = gguf::layout(output.document);
            output.header = gguf::serialize(output.document);
        }
        std::vector<std::size_t> next(plan_.outputs.size());
        for (TensorPlan& tensor : plan_.tensors) {
            const gguf::Document& document = plan_.outputs[tensor.output].document;
            tensor.file_offset =
                document.data_offset + document.tensors[next[tensor.output]++].offset;
        }
    }

    void complete_report() {
        Report& report = plan_.report;
        if (quantized_already_ != 0) {
            report.warnings.push_back(
                "writing this needs --allow-requantize: " + std::to_string(quantized_already_) +
                " tensors are quantized already");
        }
        const auto paths = output_paths(request_, plan_.outputs.size());
        for (std::size_t i = 0; i < paths.size(); ++i)
            plan_.outputs[i].path = paths[i];
        report.input = request_.input;
        report.outputs = paths;
        report.recipe = recipe_.name;
        report.dry_run = request_.dry_run;
        report.file_bytes_from = source_.file_bytes();
        for (const TensorPlan& tensor : plan_.tensors) {
            report.elems += tensor.source->info.elems();
            report.data_bytes_from += tensor.source->info.bytes();
        }
        for (const TensorReport& tensor : report.tensors)
            report.data_bytes_to += tensor.bytes_to;
        for (const OutputPlan& output : plan_.outputs)
            report.file_bytes_to += output.bytes;
    }

    const Request& request_;
    const model::TensorSource& source_;
    const model::ImportanceMatrix& imatrix_;
    const Recipe& recipe_;
    LayerMap layers_;
    std::string architecture_;
    std::size_t quantized_already_ = 0;
    Plan plan_;
};

}  // namespace

Plan make_plan(const Request& request, const model::TensorSource& source,
               const model::ImportanceMatrix& imatrix) {
    // What is wrong with a tensor or key here is found in the input.
    return with_file_context(request.input.string(),
                             [&] { return Planner(request, source, imatrix).make(); });
}

}  // namespace quantize::pipeline

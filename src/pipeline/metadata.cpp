// Order matters here: it decides where keys stand in the file, which is part of the same bytes.
#include "pipeline/metadata.h"

#include <algorithm>
#include <map>

#include "gguf/alignment.h"
#include "gguf/split.h"
#include "quantize/error.h"

namespace quantize::pipeline {
namespace {

/// The version of the block formats that the reference writes.
constexpr std::uint32_t quantization_version = 2;
constexpr const char* file_type_key = "general.file_type";

/// Marks a file type that was guessed from the tensors' types.
constexpr std::uint32_t guessed_file_type = 1024;

void set_last(gguf::Document& document, const std::string& key, gguf::Value value) {
    document.erase(key);
    document.metadata.push_back({key, std::move(value)});
}

/// What the reference records for a file of mostly this type; F32's number for those that it does
/// not know. (Names of types are names of recipes, but for MXFP4.)
std::uint32_t file_type_of(TensorType type) {
    if (type == TensorType::NVFP4) return 39;  // has no recipe
    const bool mixture =
        type == TensorType::Q3_K || type == TensorType::Q4_K || type == TensorType::Q5_K;
    const Recipe* recipe = find_recipe(std::string(type_name(type)) + (mixture ? "_M" : ""));
    if (recipe != nullptr) return recipe->file_type;
    return 0;
}

/// For COPY: the number that the file states, or a guess from the most frequent type. Among
/// equally frequent ones the one that got there first in the order of choice counts.
std::uint32_t kept_file_type(const model::TensorSource& source) {
    if (const gguf::Value* stated = source.metadata().find(file_type_key)) {
        if (const auto number = stated->as_unsigned()) return static_cast<std::uint32_t>(*number);
    }
    std::vector<const model::SourceTensor*> ordered;
    for (const model::SourceTensor& tensor : source.tensors())
        ordered.push_back(&tensor);
    std::ranges::sort(ordered, [](const auto* a, const auto* b) {
        return chosen_before(a->info.name, b->info.name);
    });
    std::map<TensorType, std::size_t> counts;
    std::size_t most = 0;
    TensorType type = TensorType::F32;
    for (const model::SourceTensor* tensor : ordered) {
        const std::size_t count = ++counts[tensor->info.type];
        if (count <= most) continue;
        most = count;
        type = tensor->info.type;
    }
    return file_type_of(type) | guessed_file_type;
}

void check_file_type(const gguf::Document& document) {
    const gguf::Value* stated = document.find(file_type_key);
    if (stated == nullptr || stated->as_unsigned()) return;
    throw Error("is " + stated->to_text() + ", not a number; set it with --override-kv " +
                file_type_key + "=int:1")
        .at(key_item(file_type_key));
}

}  // namespace

gguf::Document output_metadata(const Request& request, const Recipe& recipe,
                               const std::string& architecture, const model::TensorSource& source,
                               const model::ImportanceMatrix& imatrix,
                               std::optional<std::uint32_t> pruned_layers) {
    check_file_type(source.metadata());
    gguf::Document document;
    document.metadata = source.metadata().metadata;
    set_last(document, "general.quantization_version", gguf::Value::of(quantization_version));
    set_last(document, file_type_key,
             gguf::Value::of(recipe.copy_only ? kept_file_type(source) : recipe.file_type));
    gguf::erase_shard_position(document);
    for (const auto& [key, value] : request.metadata_overrides)
        set_last(document, key, value);
    for (auto& [key, value] : imatrix.provenance())
        set_last(document, key, std::move(value));
    if (pruned_layers) {
        set_last(document, architecture + ".block_count", gguf::Value::of(*pruned_layers));
    }
    if (const gguf::Value* alignment = document.find(gguf::alignment_key)) {
        document.alignment = gguf::alignment_of(*alignment);
    }
    return document;
}

}  // namespace quantize::pipeline

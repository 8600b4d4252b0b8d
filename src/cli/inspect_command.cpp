// `quantize inspect FILE`: what a GGUF file says, for people or as JSON.
#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "arguments.h"
#include "commands.h"
#include "quantize/quantize.h"
#include "units.h"

namespace quantize::cli {
namespace {

using nlohmann::ordered_json;

std::vector<std::uint64_t> shape_of(const gguf::TensorInfo& tensor) {
    return {tensor.shape.begin(), tensor.shape.begin() + tensor.dims};
}

std::string shape_text(const gguf::TensorInfo& tensor) {
    std::string text;
    for (const std::uint64_t size : shape_of(tensor)) {
        text += (text.empty() ? "" : " x ") + std::to_string(size);
    }
    return text;
}

void print_text(const FileHeader& header) {
    const gguf::Document& document = header.document;
    fmt::print("{}: GGUF version {}, {}, {} keys, {} tensors, alignment {}\n\n",
               printable(header.path.string(), 4096), document.version,
               bytes_text(static_cast<double>(header.file_bytes)), document.metadata.size(),
               document.tensors.size(), document.alignment);
    for (const gguf::KeyValue& entry : document.metadata) {
        fmt::print("  {:<44} {:<7} {}\n", printable(entry.key),
                   gguf::value_type_name(entry.value.type()), entry.value.to_text());
    }
    fmt::print("\n");
    for (const gguf::TensorInfo& tensor : document.tensors) {
        fmt::print("  {:<44} {:<7} {:>22} {:>12} at {}\n", printable(tensor.name),
                   type_name(tensor.type), shape_text(tensor),
                   bytes_text(static_cast<double>(tensor.bytes())),
                   document.data_offset + tensor.offset);
    }
}

/// Arrays are cut to their first elements: a vocabulary does not belong into an overview.
constexpr std::uint64_t max_json_elements = 16;

ordered_json value_json(const gguf::Value& value) {
    if (const auto flag = value.as_bool()) return *flag;
    if (const auto number = value.as_signed()) return *number;
    if (const auto number = value.as_unsigned()) return *number;
    if (const auto number = value.as_real()) return *number;
    if (const auto text = value.as_string()) return std::string(*text);
    ordered_json first = ordered_json::array();
    value.for_each_element(
        [&](const gguf::Value& element) { first.push_back(value_json(element)); },
        max_json_elements);
    ordered_json array{{"count", value.element_count()}, {"first", std::move(first)}};
    if (value.element_type()) array["type"] = gguf::value_type_name(*value.element_type());
    return array;
}

ordered_json header_json(const FileHeader& header) {
    ordered_json metadata = ordered_json::array();
    for (const gguf::KeyValue& entry : header.document.metadata) {
        metadata.push_back({{"key", entry.key},
                            {"type", gguf::value_type_name(entry.value.type())},
                            {"value", value_json(entry.value)}});
    }
    ordered_json tensors = ordered_json::array();
    for (const gguf::TensorInfo& tensor : header.document.tensors) {
        tensors.push_back({{"name", tensor.name},
                           {"type", type_name(tensor.type)},
                           {"shape", shape_of(tensor)},
                           {"bytes", tensor.bytes()},
                           {"offset", header.document.data_offset + tensor.offset}});
    }
    return {{"file", header.path.string()},
            {"file_bytes", header.file_bytes},
            {"version", header.document.version},
            {"alignment", header.document.alignment},
            {"data_offset", header.document.data_offset},
            {"metadata", std::move(metadata)},
            {"tensors", std::move(tensors)}};
}

}  // namespace

int run_inspect(const Words& words) {
    CLI::App app("Shows the metadata and tensors of a GGUF file, or of all shards of a model.",
                 "quantize inspect");
    bool json = false;
    app.add_flag("--json", json, "As JSON (the first 16 elements of each array)");
    lay_out_help(app, "quantize inspect [--json] FILE");
    const auto parsed = parse_arguments(app, words);
    if (!parsed) return 0;
    const Words& files = *parsed;
    if (files.size() != 1) throw Error("expected quantize inspect FILE", ErrorKind::usage);
    ordered_json all = ordered_json::array();
    for (const FileHeader& header : read_headers(files.front())) {
        if (json) {
            all.push_back(header_json(header));
        } else {
            print_text(header);
        }
    }
    if (json) {
        const std::string text = ordered_json{{"files", std::move(all)}}.dump(
            2, ' ', true, ordered_json::error_handler_t::replace);
        std::fputs((text + "\n").c_str(), stdout);
    }
    return 0;
}

}  // namespace quantize::cli

// Formats a Report. Names come from files and are shown escaped.
#include "report.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "units.h"

namespace quantize::cli {
namespace {

using nlohmann::ordered_json;

std::string shape_text(const std::vector<std::uint64_t>& shape) {
    std::string text;
    for (const std::uint64_t size : shape) {
        text += (text.empty() ? "" : " x ") + std::to_string(size);
    }
    return text;
}

std::string tensor_line(const TensorReport& tensor) {
    std::string line =
        fmt::format("{:<40} {:>22}  {:>7} -> {:<7} {:>11} -> {:<11} {}", printable(tensor.name),
                    shape_text(tensor.shape), type_name(tensor.from), type_name(tensor.to),
                    bytes_text(static_cast<double>(tensor.bytes_from)),
                    bytes_text(static_cast<double>(tensor.bytes_to)), tensor.reason);
    if (tensor.missing_imatrix) line += " (not in the importance matrix)";
    return line + "\n";
}

/// Fallbacks by what was wanted, what was taken and the row length that made it so.
std::string fallback_lines(const Report& report) {
    struct Group {
        std::size_t count = 0;
        std::string first;
    };
    std::map<std::tuple<TensorType, TensorType, std::uint64_t>, Group> groups;
    for (const TensorReport& tensor : report.tensors) {
        if (!tensor.fallback_from || tensor.shape.empty()) continue;
        Group& group = groups[{*tensor.fallback_from, tensor.to, tensor.shape[0]}];
        if (group.count++ == 0) group.first = printable(tensor.name);
    }
    std::string lines;
    for (const auto& [key, group] : groups) {
        const auto& [wanted, taken, columns] = key;
        lines += fmt::format(
            "  fallback  {} tensor{}: {} instead of {}, whose blocks of {} do not "
            "divide rows of {} ({}{})\n",
            group.count, group.count == 1 ? "" : "s", type_name(taken), type_name(wanted),
            type_info(wanted).block_elems, columns, group.first, group.count == 1 ? "" : ", ...");
    }
    return lines;
}

std::string imatrix_lines(const Report& report) {
    std::size_t used = 0;
    std::size_t missing = 0;
    std::string first;
    for (const TensorReport& tensor : report.tensors) {
        used += tensor.used_imatrix ? 1 : 0;
        if (!tensor.missing_imatrix) continue;
        if (missing++ == 0) first = printable(tensor.name);
    }
    if (used == 0 && missing == 0) return {};
    std::string line = fmt::format("  imatrix   used for {} tensors", used);
    if (missing != 0) {
        line += fmt::format(", without an entry for {} ({}{})", missing, first,
                            missing == 1 ? "" : ", ...");
    }
    return line + "\n";
}

ordered_json tensor_json(const TensorReport& tensor) {
    ordered_json entry{{"name", tensor.name},
                       {"shape", tensor.shape},
                       {"from", type_name(tensor.from)},
                       {"to", type_name(tensor.to)},
                       {"bytes_from", tensor.bytes_from},
                       {"bytes", tensor.bytes_to},
                       {"reason", tensor.reason},
                       {"imatrix", tensor.used_imatrix}};
    if (tensor.fallback_from) entry["fallback_from"] = type_name(*tensor.fallback_from);
    return entry;
}

}  // namespace

std::string tensor_table(const Report& report) {
    std::string table;
    for (const TensorReport& tensor : report.tensors)
        table += tensor_line(tensor);
    return table;
}

std::string summary(const Report& report) {
    std::string text;
    for (const auto& output : report.outputs) {
        text += fmt::format("{}{}\n", report.dry_run ? "would write " : "",
                            printable(output.string(), 4096));
    }
    text += fmt::format("  {}, {} tensors, {} weights\n", report.recipe, report.tensors.size(),
                        report.elems);
    text += fmt::format("  size      {} -> {} ({:.2f} -> {:.2f} bits per weight)\n",
                        bytes_text(static_cast<double>(report.file_bytes_from)),
                        bytes_text(static_cast<double>(report.file_bytes_to)),
                        report.bits_per_weight_from(), report.bits_per_weight_to());
    if (!report.dry_run) {
        const double rate =
            report.seconds > 0 ? static_cast<double>(report.data_bytes_from) / report.seconds : 0;
        text += fmt::format("  time      {}, {}/s, {} thread{}, {}\n", seconds_text(report.seconds),
                            bytes_text(rate), report.threads, report.threads == 1 ? "" : "s",
                            report.target);
    }
    text += imatrix_lines(report) + fallback_lines(report);
    return text;
}

std::string report_json(const Report& report) {
    ordered_json tensors = ordered_json::array();
    for (const TensorReport& tensor : report.tensors)
        tensors.push_back(tensor_json(tensor));
    ordered_json outputs = ordered_json::array();
    for (const auto& output : report.outputs)
        outputs.push_back(output.string());
    const ordered_json json{{"version", version()},
                            {"input", report.input.string()},
                            {"outputs", std::move(outputs)},
                            {"recipe", report.recipe},
                            {"dry_run", report.dry_run},
                            {"totals",
                             {{"tensors", report.tensors.size()},
                              {"weights", report.elems},
                              {"bytes_from", report.data_bytes_from},
                              {"bytes", report.data_bytes_to},
                              {"file_bytes_from", report.file_bytes_from},
                              {"file_bytes", report.file_bytes_to}}},
                            {"bits_per_weight_from", report.bits_per_weight_from()},
                            {"bits_per_weight", report.bits_per_weight_to()},
                            {"seconds", report.seconds},
                            {"threads", report.threads},
                            {"target", report.target},
                            {"tensors_in_need_of_imatrix", report.tensors_in_need_of_imatrix},
                            {"warnings", report.warnings},
                            {"tensors", std::move(tensors)}};
    // Names need not be UTF-8, JSON must; and beyond ASCII a name could drive the terminal.
    return json.dump(2, ' ', true, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace quantize::cli

// `quantize verify FILE...`: reads models completely and says what is wrong with them.
#include <fmt/format.h>

#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "arguments.h"
#include "commands.h"
#include "log.h"
#include "progress.h"
#include "quantize/option_text.h"
#include "quantize/quantize.h"
#include "units.h"

namespace quantize::cli {
namespace {

using nlohmann::ordered_json;

struct VerifyOptions {
    VerifyRequest request;
    std::string against;
    std::string threshold;
    std::string threads;
    bool json = false;
    bool quiet = false;
    bool verbose = false;
};

void declare(CLI::App& app, VerifyOptions& options) {
    app.add_option("--against", options.against,
                   "Decode this model too and report the error of each tensor")
        ->type_name("SOURCE")
        ->take_last();
    app.add_option("--threshold", options.threshold,
                   "Largest relative error of a tensor that passes (default 0.9: wrong data only)")
        ->type_name("X")
        ->take_last();
    app.add_option("-t,--threads", options.threads, "Number of threads (default: all cores)")
        ->type_name("N")
        ->take_last();
    app.add_flag("--json", options.json, "As JSON");
    app.add_flag("-q,--quiet", options.quiet, "Errors only");
    app.add_flag("-v,--verbose", options.verbose, "A line for every tensor");
    lay_out_help(app, "quantize verify [options] FILE...");
}

double parse_threshold(const std::string& text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0)) {
        throw Error("--threshold '" + printable(text) + "': not a number of 0 or more",
                    ErrorKind::usage);
    }
    return value;
}

std::string tensor_line(const TensorVerification& tensor) {
    if (!tensor.compared) {
        return fmt::format("  {:<44} {:<7} sound\n", printable(tensor.name),
                           type_name(tensor.type));
    }
    return fmt::format("  {:<44} {:<7} relative error {:.6f}, largest {:.6g}{}\n",
                       printable(tensor.name), type_name(tensor.type), tensor.relative_error,
                       tensor.largest_error, tensor.failed ? "  FAILED" : "");
}

void print_report(const std::string& file, const VerifyReport& report,
                  const VerifyOptions& options) {
    const bool compared = !options.request.against.empty();
    for (const TensorVerification& tensor : report.tensors) {
        if (tensor.failed || options.verbose || (compared && !options.quiet)) {
            fmt::print("{}", tensor_line(tensor));
        }
    }
    for (const std::string& name : report.missing) {
        fmt::print("  {:<44} missing\n", printable(name));
    }
    if (options.quiet) return;
    fmt::print("{}: {}, {} tensors, {} in {}\n", printable(file, 4096),
               report.sound() ? "sound" : "NOT SOUND", report.tensors.size(),
               bytes_text(static_cast<double>(report.bytes)), seconds_text(report.seconds));
}

ordered_json report_json(const std::string& file, const VerifyReport& report) {
    ordered_json tensors = ordered_json::array();
    for (const TensorVerification& tensor : report.tensors) {
        ordered_json entry{{"name", tensor.name},
                           {"type", type_name(tensor.type)},
                           {"weights", tensor.elems},
                           {"failed", tensor.failed}};
        if (tensor.compared) {
            entry["rms_error"] = tensor.rms_error;
            entry["relative_error"] = tensor.relative_error;
            entry["largest_error"] = tensor.largest_error;
        }
        tensors.push_back(std::move(entry));
    }
    return {{"file", file},
            {"sound", report.sound()},
            {"bytes", report.bytes},
            {"seconds", report.seconds},
            {"missing", report.missing},
            {"tensors", std::move(tensors)}};
}

/// An unsound file does not keep the others from being read.
bool verify_file(const std::string& file, VerifyOptions& options, ordered_json& all) {
    options.request.file = file;
    const auto progress =
        make_progress(options.quiet ? ProgressMode::off : ProgressMode::automatic);
    try {
        const VerifyReport report = verify(options.request, *progress, stop_on_signals());
        progress->finish();
        if (options.json) {
            all.push_back(report_json(file, report));
        } else {
            print_report(file, report, options);
        }
        return report.sound();
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::failed) throw;
        progress->finish();
        log_error(error.what());
        all.push_back({{"file", file}, {"sound", false}, {"error", error.what()}});
        return false;
    }
}

}  // namespace

int run_verify(const Words& words) {
    CLI::App app("Reads GGUF files completely: structure, offsets, padding, scales, every row.",
                 "quantize verify");
    VerifyOptions options;
    declare(app, options);
    const auto parsed = parse_arguments(app, words);
    if (!parsed) return 0;
    const Words& files = *parsed;
    if (files.empty()) throw Error("expected quantize verify FILE...", ErrorKind::usage);
    options.request.against = options.against;
    if (!options.threshold.empty()) options.request.threshold = parse_threshold(options.threshold);
    if (!options.threads.empty()) options.request.threads = parse_thread_count(options.threads);
    bool sound = true;
    ordered_json all = ordered_json::array();
    for (const std::string& file : files)
        sound = verify_file(file, options, all) && sound;
    if (options.json) {
        const std::string text = ordered_json{{"files", std::move(all)}}.dump(
            2, ' ', true, ordered_json::error_handler_t::replace);
        std::fputs((text + "\n").c_str(), stdout);
    }
    return sound ? 0 : exit_failed;
}

}  // namespace quantize::cli

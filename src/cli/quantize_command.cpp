// The main job: options to Request, run, report.
#include <fmt/format.h>

#include <cstdio>

#include "commands.h"
#include "options.h"
#include "report.h"

namespace quantize::cli {
namespace {

void print(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
}

void warn_about(const Report& report) {
    for (const std::string& warning : report.warnings)
        log_warning(warning);
    if (report.tensors_in_need_of_imatrix.empty()) return;
    log_warning(
        fmt::format("writing this needs an importance matrix (--imatrix) for {} tensors, "
                    "such as '{}'",
                    report.tensors_in_need_of_imatrix.size(),
                    printable(report.tensors_in_need_of_imatrix.front())));
}

}  // namespace

int run_quantize(const Words& words) {
    const std::optional<Options> parsed = parse_options(words);
    if (!parsed) return 0;
    const Options& options = *parsed;
    if (!options.target.empty()) pin_target(options.target);
    if (options.show_version) {
        print(fmt::format("quantize {} ({})\n", version(), active_target()));
        return 0;
    }
    set_verbosity(options.verbosity);
    const bool quiet = options.verbosity == Verbosity::quiet;
    const std::unique_ptr<ProgressSink> progress =
        make_progress(quiet ? ProgressMode::off : options.progress);
    const Report report = run(options.request, *progress, stop_on_signals());
    progress->finish();
    warn_about(report);
    if (options.verbosity == Verbosity::verbose && !options.request.dry_run) {
        log_detail(tensor_table(report));
    }
    if (options.json) {
        print(report_json(report));
    } else if (!quiet) {
        if (report.dry_run) print(tensor_table(report));
        print(summary(report));
    }
    return 0;
}

}  // namespace quantize::cli

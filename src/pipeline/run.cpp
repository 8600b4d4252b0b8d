// The whole tool as one call: open, plan, check, write, sync, rename.
#include <algorithm>
#include <chrono>
#include <memory>
#include <vector>

#include "io/output_file.h"
#include "kernels/dispatch.h"
#include "model/imatrix.h"
#include "model/source.h"
#include "pipeline/executor.h"
#include "pipeline/outputs.h"
#include "pipeline/plan.h"
#include "pipeline/workers.h"
#include "quantize/quantize.h"

namespace quantize {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Everything that can be known to fail before work starts.
void check_outputs(const Request& request, const pipeline::Plan& plan,
                   const model::TensorSource& source) {
    pipeline::check_not_input(plan.report.outputs, source, request);
    std::vector<io::PlannedOutput> planned;
    for (const pipeline::OutputPlan& output : plan.outputs) {
        io::check_output_path(output.path, request.overwrite);
        planned.push_back({output.path, output.bytes});
    }
    io::check_free_space(planned);
}

void write_outputs(const Request& request, pipeline::Plan& plan, const model::TensorSource& source,
                   const model::ImportanceMatrix& imatrix, unsigned threads, ProgressSink& progress,
                   const std::atomic<bool>& stop) {
    std::vector<std::unique_ptr<io::OutputFile>> files;
    for (const pipeline::OutputPlan& output : plan.outputs) {
        files.push_back(
            std::make_unique<io::OutputFile>(output.path, output.bytes, request.overwrite));
    }
    const pipeline::ExecutorOptions options{threads, request.shuffle_seed, request.verify};
    for (std::string& warning :
         pipeline::execute(plan, source, imatrix, files, options, progress, stop)) {
        plan.report.warnings.push_back(std::move(warning));
    }
    source.check_unchanged();
    for (const auto& file : files) {
        if (stop.load()) pipeline::throw_interrupted();
        file->sync();
    }
    if (stop.load()) pipeline::throw_interrupted();
    io::commit_together(files);
}

/// Runs `body`; an Error about an output also says from what it was to be made, which in a batch is
/// what matters.
template <class Body>
void naming_input(const Request& request, const pipeline::Plan& plan, const Body& body) {
    try {
        body();
    } catch (const Error& error) {
        const auto is_at_fault = [&](const pipeline::OutputPlan& output) {
            return output.path.string() == error.file();
        };
        const std::string input = printable(request.input.string(), 4096);
        const bool named = error.message().find(input) != std::string::npos;
        if (named || std::ranges::none_of(plan.outputs, is_at_fault)) throw;
        throw Error(error.message() + " (while quantizing " + input + ")", error.kind())
            .at(error.item())
            .in_file(error.file());
    }
}

}  // namespace

Report run(const Request& request, ProgressSink& progress, const std::atomic<bool>& stop) {
    const auto start = Clock::now();
    const model::TensorSource source(request.input);
    const model::ImportanceMatrix imatrix =
        request.imatrix.empty()
            ? model::ImportanceMatrix()
            : model::ImportanceMatrix::open(request.imatrix,
                                            {request.include_weights, request.exclude_weights});
    pipeline::Plan plan = pipeline::make_plan(request, source, imatrix);
    Report& report = plan.report;
    report.target = kernels::active_target();
    report.threads = pipeline::thread_count(request.threads);
    if (!request.dry_run) {
        naming_input(request, plan, [&] {
            check_outputs(request, plan, source);
            progress.start(plan.tensors.size(), report.data_bytes_from);
            write_outputs(request, plan, source, imatrix, report.threads, progress, stop);
        });
        progress.finish();
    }
    report.seconds = seconds_since(start);
    return std::move(report);
}

Report run(const Request& request) {
    ProgressSink nobody;
    const std::atomic<bool> never{false};
    return run(request, nobody, never);
}

}  // namespace quantize

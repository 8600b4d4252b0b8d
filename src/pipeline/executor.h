// Carries out a plan: fills the outputs, in any order, on several threads, in bounded memory.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/output_file.h"
#include "model/imatrix.h"
#include "model/source.h"
#include "pipeline/plan.h"
#include "quantize/quantize.h"

namespace quantize::pipeline {

struct ExecutorOptions {
    unsigned threads = 1;
    std::optional<std::uint64_t> shuffle_seed;
    bool verify = false;  ///< read everything back and compare with what was written
};

/// Writes headers and data of all outputs; `files` are open, of the planned sizes and otherwise
/// empty. Throws Error that names file and tensor; the outputs are worthless then. Returns warnings
/// about single weights that were lost.
std::vector<std::string> execute(const Plan& plan, const model::TensorSource& source,
                                 const model::ImportanceMatrix& imatrix,
                                 const std::vector<std::unique_ptr<io::OutputFile>>& files,
                                 const ExecutorOptions& options, ProgressSink& progress,
                                 const std::atomic<bool>& stop);

}  // namespace quantize::pipeline

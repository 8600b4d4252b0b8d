// Everything that is decided before a byte is written: which tensors go where, as what, with which
// importance weights, and every byte of the headers.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "model/imatrix.h"
#include "model/source.h"
#include "quantize/format.h"
#include "quantize/gguf.h"
#include "quantize/quantize.h"

namespace quantize::pipeline {

/// One tensor's way from the input into an output.
struct TensorPlan {
    const model::SourceTensor* source = nullptr;
    std::string name;  ///< in the output
    TensorType to = TensorType::F32;
    std::size_t output = 0;         ///< index into Plan::outputs
    std::uint64_t file_offset = 0;  ///< of its data in the output file
    bool use_weights = false;

    TensorType from() const { return source->info.type; }
    bool converts() const { return from() != to; }
};

struct OutputPlan {
    std::filesystem::path path;
    gguf::Document document;
    std::string header;
    std::uint64_t bytes = 0;  ///< of the whole file
};

struct Plan {
    std::vector<OutputPlan> outputs;
    std::vector<TensorPlan> tensors;  ///< in the order of their data
    Report report;                    ///< complete but for time, threads and target
};

/// Throws Error when the request cannot be carried out.
Plan make_plan(const Request& request, const model::TensorSource& source,
               const model::ImportanceMatrix& imatrix);

}  // namespace quantize::pipeline

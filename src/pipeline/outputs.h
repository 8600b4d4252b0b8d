// The files of a run: what the outputs are called, and that none of them is one of the inputs.
#pragma once

#include <filesystem>
#include <vector>

#include "model/source.h"
#include "quantize/quantize.h"

namespace quantize::pipeline {

/// The paths of `count` output files: the request's own, or names of shards made from it when the
/// split is kept.
std::vector<std::filesystem::path> output_paths(const Request& request, std::size_t count);

/// Throws Error when one of the outputs is one of the files read, by path or through links.
void check_not_input(const std::vector<std::filesystem::path>& outputs,
                     const model::TensorSource& source, const Request& request);

}  // namespace quantize::pipeline

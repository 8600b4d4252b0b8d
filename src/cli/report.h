// What a finished run tells: a summary for people, one JSON object for programs.
#pragma once

#include <string>

#include "quantize/quantize.h"

namespace quantize::cli {

/// The table of tensors, one line each (for --dry-run and -v).
std::string tensor_table(const Report& report);

/// Sizes, bits per weight, time, and which tensors fell back to another type and why.
std::string summary(const Report& report);

std::string report_json(const Report& report);

}  // namespace quantize::cli

// The tool's commands. Each takes the words after its own name and returns the exit status.
#pragma once

#include <string>
#include <vector>

namespace quantize::cli {

using Words = std::vector<std::string>;

int run_quantize(const Words& words);  ///< the main job, which has no name of its own
int run_types(const Words& words);
int run_inspect(const Words& words);
int run_verify(const Words& words);

/// Exit statuses beside 0; an interruption gives 128 plus the signal's number.
inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;

}  // namespace quantize::cli

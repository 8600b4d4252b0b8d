// Splits a command line into options and positional arguments, by the reference's rule that
// options stand before the file names, which lets a name begin with a dash or a number be
// negative; beyond it, options may also stand after everything else.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <vector>

namespace quantize::cli {

/// Parses the options among `arguments` with `app` and returns the others; nothing when help was
/// asked for, which is then on standard output. Throws Error of kind usage.
std::optional<std::vector<std::string>> parse_arguments(CLI::App& app,
                                                        const std::vector<std::string>& arguments);

/// Gives the app the project's layout of help texts; `usage` is the line on how to call it.
void lay_out_help(CLI::App& app, const std::string& usage);

}  // namespace quantize::cli

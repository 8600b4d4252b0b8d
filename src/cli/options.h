// The options of the main job: the reference's, with their names and meaning, and our own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "log.h"
#include "progress.h"
#include "quantize/quantize.h"

namespace quantize::cli {

/// What the words on the command line ask for.
struct Options {
    Request request;
    bool json = false;
    bool force = false;  ///< the default spelled out; only excludes --no-clobber
    bool show_version = false;
    ProgressMode progress = ProgressMode::automatic;
    Verbosity verbosity = Verbosity::normal;
    std::string target;
};

/// Nothing when help was asked for, which is then on standard output. Throws Error of kind usage.
std::optional<Options> parse_options(const std::vector<std::string>& words);

}  // namespace quantize::cli

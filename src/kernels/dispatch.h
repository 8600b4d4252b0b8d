// Which instruction set the kernels run on: chosen for the machine, or pinned by name.
//
// Every kernel is one body (a *-inl.h or .cpp compiled per target by Highway's foreach_target) and
// one plain function that calls the body of the active target. Formats call that function and
// never mention an instruction set.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quantize::kernels {

/// Names of the targets that this machine can run, best first; the last is "scalar".
std::vector<std::string> available_targets();

/// Name of the target that kernels run on now.
std::string active_target();

/// Makes kernels run on the named target (any case) from now on. Throws Error for a name that is
/// no target or that this machine cannot run. Not to be called while kernels run.
void pin_target(std::string_view name);

/// Back to the best target of the machine, or to the one that the environment variable
/// QUANTIZE_TARGET names.
void unpin_target();

}  // namespace quantize::kernels

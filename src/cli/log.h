// Messages for people, on standard error: errors, warnings, and notes when asked for.
#pragma once

#include <string>
#include <string_view>

namespace quantize::cli {

enum class Verbosity { quiet, normal, verbose };

void set_verbosity(Verbosity verbosity);

/// "quantize: error: ..."; always shown.
void log_error(std::string_view message);
/// "quantize: warning: ..."; not with -q.
void log_warning(std::string_view message);
/// A plain line; only with -v.
void log_detail(std::string_view message);

/// True when standard error is a terminal.
bool stderr_is_terminal();

}  // namespace quantize::cli

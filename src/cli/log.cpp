// The logger: coloured levels on a terminal unless NO_COLOR is set (https://no-color.org).
#include "log.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cstdlib>

namespace quantize::cli {
namespace {

spdlog::logger make_logger(const char* pattern) {
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_st>();
    const char* no_color = std::getenv("NO_COLOR");
    if (no_color != nullptr && *no_color != '\0') {
        sink->set_color_mode(spdlog::color_mode::never);
    }
    spdlog::logger logger("quantize", std::move(sink));
    logger.set_pattern(pattern);
    logger.set_level(spdlog::level::debug);
    return logger;
}

spdlog::logger& messages() {
    static spdlog::logger logger = make_logger("quantize: %^%l%$: %v");
    return logger;
}

Verbosity& current_verbosity() {
    static Verbosity verbosity = Verbosity::normal;
    return verbosity;
}

}  // namespace

void set_verbosity(Verbosity verbosity) {
    current_verbosity() = verbosity;
}

void log_error(std::string_view message) {
    messages().error(message);
}

void log_warning(std::string_view message) {
    if (current_verbosity() != Verbosity::quiet) messages().warn(message);
}

void log_detail(std::string_view message) {
    static spdlog::logger plain = make_logger("%v");
    if (current_verbosity() == Verbosity::verbose) plain.debug(message);
}

bool stderr_is_terminal() {
    return ::isatty(STDERR_FILENO) == 1;
}

}  // namespace quantize::cli

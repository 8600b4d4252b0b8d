// The program: picks the command, and turns whatever it throws into one line and an exit status.
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <new>

#include "commands.h"
#include "log.h"
#include "quantize/error.h"
#include "quantize/quantize.h"

namespace quantize::cli {
namespace {

int run_command(const Words& words) {
    static const std::map<std::string, int (*)(const Words&)> commands{
        {"types", run_types}, {"inspect", run_inspect}, {"verify", run_verify}};
    const auto named = words.empty() ? commands.end() : commands.find(words.front());
    const char* target = std::getenv("QUANTIZE_TARGET");
    if (target != nullptr && *target != '\0') pin_target(target);
    if (named == commands.end()) return run_quantize(words);
    return named->second(Words(words.begin() + 1, words.end()));
}

int status_of(const Error& error) {
    switch (error.kind()) {
        case ErrorKind::usage:
            return exit_usage;
        case ErrorKind::interrupted:
            return 128 + (last_signal() != 0 ? last_signal() : 2);
        case ErrorKind::failed:
            break;
    }
    return exit_failed;
}

int run_guarded(const Words& words) {
    try {
        const int status = run_command(words);
        // What a full disk or a closed pipe did to the result must not pass for success.
        if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
            throw Error("standard output cannot be written; check the disk or the pipe");
        }
        return status;
    } catch (const Error& error) {
        log_error(error.what());
        return status_of(error);
    } catch (const std::bad_alloc&) {
        log_error("out of memory; use fewer threads or close other programs");
    } catch (const std::exception& error) {
        log_error(printable(error.what()));
    }
    return exit_failed;
}

}  // namespace
}  // namespace quantize::cli

int main(int argc, char** argv) {
    std::setlocale(LC_ALL, "C");
    return quantize::cli::run_guarded(quantize::cli::Words(argv + 1, argv + argc));
}

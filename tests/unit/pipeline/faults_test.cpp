// A whole run over files that fail: one clear error, nothing left, the older output intact.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cerrno>

#include "fault_injection.h"
#include "model_builder.h"
#include "quantize/quantize.h"
#include "temporary_folder.h"

using namespace quantize;
using namespace quantize::test;
using Catch::Matchers::ContainsSubstring;

namespace {

struct Run {
    TemporaryFolder folder;
    Request request;

    Run() {
        ModelBuilder().usual_tensors().write(folder / "in.gguf");
        folder.write("out.gguf", "old");
        request.input = folder / "in.gguf";
        request.output = folder / "out.gguf";
        request.recipe = "Q8_0";
        request.threads = 1;  // the faulty calls count without locks
    }

    /// The message of a run under these faults; empty when it succeeds.
    std::string error_under(const FaultPlan& plan) {
        const FaultyCalls faulty(plan);
        try {
            run(request);
        } catch (const Error& error) {
            return error.what();
        }
        return {};
    }

    void check_untouched() const {
        CHECK(read_file(folder / "out.gguf") == "old");
        CHECK(folder.names() == std::vector<std::string>{"in.gguf", "out.gguf"});
    }
};

}  // namespace

TEST_CASE("Faults of the system end the run with one line that names a file") {
    const FaultPlan plan = GENERATE(
        FaultPlan{.pread_error = EIO}, FaultPlan{.pread_ends = true},
        FaultPlan{.pwrite_error = ENOSPC}, FaultPlan{.pwrite_error = EIO, .sound_writes = 5},
        FaultPlan{.pwrite_nothing = true}, FaultPlan{.fsync_error = EIO},
        FaultPlan{.rename_error = EACCES}, FaultPlan{.preallocate_error = ENOSPC},
        FaultPlan{.free_space = 1000});
    Run run;
    const std::string message = run.error_under(plan);
    CAPTURE(message);
    CHECK_THAT(message, ContainsSubstring(".gguf"));
    CHECK(message.find('\n') == std::string::npos);
    run.check_untouched();
}

TEST_CASE("Short and interrupted reads and writes do no harm") {
    Run run;
    CHECK(run.error_under({}).empty());
    const std::string sound = read_file(run.folder / "out.gguf");
    CHECK(run.error_under({.max_bytes = 777, .interrupts = 20}).empty());
    CHECK(read_file(run.folder / "out.gguf") == sound);
}

TEST_CASE("A stop flag that is set ends the run without an output") {
    Run job;
    ProgressSink nobody;
    const std::atomic<bool> stop{true};
    CHECK_THROWS_AS(run(job.request, nobody, stop), Error);
    job.check_untouched();
}

// A whole run over files that fail: one clear error, nothing left, the older output intact.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>

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
        FaultPlan{.free_space = 1000}, FaultPlan{.fstat_error = EIO},
        FaultPlan{.preallocate_error = EOPNOTSUPP, .truncate_error = EFBIG},
        FaultPlan{.pwrite_error = EDQUOT, .sound_writes = 1});
    Run run;
    const std::string message = run.error_under(plan);
    CAPTURE(message);
    CHECK_THAT(message, ContainsSubstring(".gguf"));
    CHECK(message.find('\n') == std::string::npos);
    run.check_untouched();
}

namespace {

/// The input of the run that is going on; what happens to it meanwhile knows no more.
std::filesystem::path input_in_use;

}  // namespace

TEST_CASE("An input that changes while it is read is an error, and nothing is written") {
    struct Change {
        void (*meanwhile)();
        const char* words;
    };
    const Change change = GENERATE(
        Change{[] { std::filesystem::resize_file(input_in_use, 20'000); }, "shortened"},
        Change{[] { std::filesystem::resize_file(input_in_use, 0); }, "shortened"},
        Change{[] { std::ofstream(input_in_use, std::ios::binary | std::ios::app) << "more"; },
               "written to while it was read"},
        Change{[] {
                   using namespace std::chrono_literals;
                   std::filesystem::last_write_time(
                       input_in_use, std::filesystem::file_time_type::clock::now() + 1h);
               },
               "written to while it was read"});
    Run run;
    input_in_use = run.request.input;
    // The header takes one read; each tensor takes others.
    const std::string message = run.error_under({.reads_before = 5, .meanwhile = change.meanwhile});
    CAPTURE(message);
    CHECK_THAT(message, ContainsSubstring("in.gguf") && ContainsSubstring(change.words));
    run.check_untouched();
}

TEST_CASE("An output that reads back otherwise than it was written is not kept") {
    Run run;
    run.request.verify = true;
    // All reads of the input go well, those of the output find its end.
    FaultPlan plan{.reads_before = 20};
    plan.meanwhile = [] { fault_plan.pread_ends = true; };
    const std::string message = run.error_under(plan);
    CHECK_THAT(message, ContainsSubstring("out.gguf: cannot read back"));
    run.check_untouched();
}

TEST_CASE("When a shard cannot get its name, no shard has a new one") {
    Run run;
    const auto shard = [&](std::uint16_t number) {
        const std::string name = "split-0000" + std::to_string(number + 1) + "-of-00002.gguf";
        ModelBuilder part;
        part.file().key("split.no", 2, raw(number)).key("split.count", 2, raw(std::uint16_t{2}));
        part.file().key("split.tensors.count", 5, raw(std::int32_t{2}));
        part.tensor("blk." + std::to_string(number) + ".ffn_up.weight", {256, 4});
        return part.write(run.folder / name);
    };
    run.request.input = shard(0);
    shard(1);
    run.request.keep_split = true;
    run.folder.write("out-00001-of-00002.gguf", "old");
    const auto names = run.folder.names();
    const std::string message = run.error_under({.rename_error = EACCES, .sound_renames = 1});
    CHECK_THAT(message, ContainsSubstring("out-00002-of-00002.gguf: cannot give"));
    CHECK(run.folder.names() == names);
    CHECK(read_file(run.folder / "out-00001-of-00002.gguf") == "old");
    CHECK(run.error_under({}).empty());
    CHECK(read_file(run.folder / "out-00001-of-00002.gguf").starts_with("GGUF"));
    CHECK(run.folder.names().size() == names.size() + 1);
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

// Nothing is lost: inputs stay, older outputs stand until a new one is complete, and nothing is
// left behind.
#include <signal.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>
#include <random>
#include <thread>

#include "fixture.h"

using namespace quantize::test;
using Catch::Matchers::ContainsSubstring;

namespace fs = std::filesystem;

TEST_CASE_METHOD(Fixture, "An output that is the input is refused, whatever leads to it") {
    const std::string before = content("in.gguf");
    fs::create_symlink(folder / "in.gguf", folder / "symlink.gguf");
    fs::create_hard_link(folder / "in.gguf", folder / "hardlink.gguf");
    for (const char* output : {"@in.gguf", "@symlink.gguf", "@hardlink.gguf", "@../@in.gguf"}) {
        std::string path = output;
        if (path == "@../@in.gguf") {
            path = (folder.path() / ".." / folder.path().filename() / "in.gguf").string();
        }
        const auto result = run({"@in.gguf", path, "Q4_0"});
        CHECK(result.status == 1);
        CHECK(is_one_line(result.err));
        CHECK(content("in.gguf") == before);
    }
    CHECK(folder.names().size() == 3);
}

TEST_CASE_METHOD(Fixture, "A link as output stays a link, and its target is replaced") {
    folder.write("target.gguf", "old");
    fs::create_symlink(folder / "target.gguf", folder / "link.gguf");
    CHECK(run({"@in.gguf", "@link.gguf", "Q4_0"}).status == 0);
    CHECK(fs::is_symlink(folder / "link.gguf"));
    CHECK(content("target.gguf").starts_with("GGUF"));
}

TEST_CASE_METHOD(Fixture, "An older output is replaced, unless --no-clobber") {
    folder.write("out.gguf", "old");
    const auto kept = run({"--no-clobber", "@in.gguf", "@out.gguf", "Q4_0"});
    CHECK(kept.status == 1);
    CHECK(content("out.gguf") == "old");
    CHECK(run({"--force", "@in.gguf", "@out.gguf", "Q4_0"}).status == 0);
    CHECK(content("out.gguf").starts_with("GGUF"));
}

TEST_CASE("Bad weights are named by tensor, row and column, and the older output stands") {
    TemporaryFolder folder;
    std::vector<float> values(256 * 8, 0.01f);
    const auto [value, recipe] = GENERATE(table<float, std::string>({{NAN, "Q4_K_M"},
                                                                     {INFINITY, "Q8_0"},
                                                                     {-INFINITY, "COPY"},
                                                                     {1e30f, "Q4_0"},
                                                                     {1e30f, "Q6_K"},
                                                                     {1e30f, "F16"}}));
    values[5 * 256 + 17] = value;
    ModelBuilder(1)
        .usual_tensors(1)
        .tensor("blk.0.extra.weight", {256, 8}, values)
        .write(folder / "in.gguf");
    folder.write("out.gguf", "old");
    const auto result = run_program(
        {QUANTIZE_TOOL, (folder / "in.gguf").string(), (folder / "out.gguf").string(), recipe});
    CAPTURE(result.err, value, recipe);
    CHECK(result.status == 1);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring("in.gguf") &&
                               ContainsSubstring("blk.0.extra.weight") &&
                               ContainsSubstring("row 5"));
    CHECK(read_file(folder / "out.gguf") == "old");
    CHECK(folder.names().size() == 2);
}

TEST_CASE_METHOD(Fixture, "Bad F16 weights are named on the short ways from F16 too") {
    const std::string type = GENERATE("BF16", "Q8_0", "Q2_K", "Q3_K_S", "Q5_K_S", "Q6_K");
    const auto [half, name] =
        GENERATE(table<std::uint16_t, std::string>({{0x7E01, "the value NaN"},
                                                    {0x7C00, "the value infinity"},
                                                    {0xFC00, "the value -infinity"}}));
    std::vector<std::uint16_t> halves(256 * 8, 0x2419);
    halves[5 * 256 + 17] = half;
    halves[6 * 256] = 0x7C00;
    ModelBuilder(1)
        .usual_tensors(1)
        .tensor("blk.0.extra.weight", {256, 8}, halves)
        .write(folder / "bad.gguf");
    const auto result = run({"@bad.gguf", "@out.gguf", type});
    CAPTURE(result.err, type);
    CHECK(result.status == 1);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring("blk.0.extra.weight") && ContainsSubstring(name) &&
                               ContainsSubstring("row 5, column 17"));
    CHECK(!fs::exists(folder / "out.gguf"));
}

TEST_CASE("A single weight that is lost among others is warned of") {
    TemporaryFolder folder;
    std::vector<float> values(256 * 8);
    for (std::size_t i = 0; i < values.size(); ++i)
        values[i] = 0.01f * static_cast<float>(i % 9);
    values[5 * 256 + 17] = 1e30f;
    ModelBuilder(1)
        .usual_tensors(1)
        .tensor("blk.0.extra.weight", {256, 8}, values)
        .write(folder / "in.gguf");
    const auto result =
        run_program({QUANTIZE_TOOL, "--tensor-type", "extra=q3_k", (folder / "in.gguf").string(),
                     (folder / "out.gguf").string(), "Q8_0"});
    CHECK(result.status == 0);
    CHECK_THAT(result.err, ContainsSubstring("warning") && ContainsSubstring("row 5, column 17"));
}

TEST_CASE_METHOD(Fixture, "Outputs that cannot be written fail before work starts") {
    folder.write("file", "");
    fs::create_directory(folder / "folder");
    for (const char* output : {"@nosuch/out.gguf", "@file/out.gguf", "@folder", "/dev/null"}) {
        const auto result = run({"@in.gguf", output, "Q4_0"});
        CAPTURE(result.err);
        CHECK(result.status == 1);
        CHECK(is_one_line(result.err));
    }
    CHECK(fs::is_character_file("/dev/null"));
    CHECK(folder.names().size() == 3);
}

TEST_CASE_METHOD(Fixture, "Names from files are shown escaped") {
    ModelBuilder(1)
        .usual_tensors(1)
        .tensor("blk.0.\x1b[31m\n.weight", {256, 2}, std::vector<float>(512, NAN))
        .write(folder / "evil.gguf");
    const auto result = run({"@evil.gguf", "@out.gguf", "Q4_0"});
    CHECK(result.status == 1);
    CHECK(is_one_line(result.err));
    CHECK(result.err.find('\x1b') == std::string::npos);
    CHECK_THAT(run({"inspect", "@evil.gguf"}).out, ContainsSubstring("\\x1b[31m\\n"));
}

namespace {

/// A model that takes the tool a good part of a second.
void write_slow_model(const fs::path& path) {
    ModelBuilder(2).usual_tensors(2, 4096).write(path);
}

}  // namespace

TEST_CASE("A signal ends the run within a second and leaves nothing", "[alone]") {
    const TemporaryFolder folder(folder_in_memory());
    write_slow_model(folder / "in.gguf");
    folder.write("out.gguf", "old");
    const int signal = GENERATE(SIGINT, SIGTERM, SIGHUP);
    Program program(
        {QUANTIZE_TOOL, (folder / "in.gguf").string(), (folder / "out.gguf").string(), "Q2_K", "1"},
        {"QUANTIZE_TARGET=scalar"});
    std::this_thread::sleep_for(std::chrono::milliseconds(150));
    const auto sent = std::chrono::steady_clock::now();
    program.send(signal);
    const ProgramResult result = program.wait();
    const auto took = std::chrono::steady_clock::now() - sent;
    CAPTURE(result.err);
    CHECK(result.status == 128 + signal);
    CHECK(took < std::chrono::seconds(1));
    CHECK(read_file(folder / "out.gguf") == "old");
    CHECK(folder.names() == std::vector<std::string>{"in.gguf", "out.gguf"});
}

TEST_CASE("A kill at any moment leaves the old file or none, or the whole new one", "[alone]") {
    const TemporaryFolder folder(folder_in_memory());
    ModelBuilder(2).usual_tensors(2, 1024).write(folder / "in.gguf");
    const auto words = [&](const char* output) {
        return std::vector<std::string>{QUANTIZE_TOOL, (folder / "in.gguf").string(),
                                        (folder / output).string(), "Q4_K_M"};
    };
    REQUIRE(run_program(words("whole.gguf")).status == 0);
    const std::string whole = read_file(folder / "whole.gguf");

    // How long a run takes is learnt on the way, for it changes with what else the machine does:
    // one that ended before its kill came says that the moments lie too late.
    std::chrono::duration<double> latest(0.1);
    std::mt19937 random(7);
    std::uniform_real_distribution<double> part(0, 1);
    int killed = 0;
    for (int i = 0; i < 2000 && killed < 200; ++i) {
        const bool older = i % 2 == 0;
        fs::remove(folder / "out.gguf");
        if (older) folder.write("out.gguf", "old");
        Program program(words("out.gguf"));
        std::this_thread::sleep_for(part(random) * latest);
        program.send(SIGKILL);
        const int status = program.wait().status;
        REQUIRE((status == 0 || status == 128 + SIGKILL));
        const bool survived = status == 0;
        latest *= survived ? 0.9 : 1.02;
        killed += survived ? 0 : 1;
        if (older || fs::exists(folder / "out.gguf")) {
            const std::string found = read_file(folder / "out.gguf");
            REQUIRE((found == whole || (older && found == "old")));
        }
        // in.gguf, whole.gguf, out.gguf, and at most one temporary.
        REQUIRE(folder.names().size() <= 4);
    }
    // The moments must have hit the work, and the next run clears up what they left.
    CHECK(killed == 200);
    REQUIRE(run_program(words("out.gguf")).status == 0);
    CHECK(folder.names() == std::vector<std::string>{"in.gguf", "out.gguf", "whole.gguf"});
}

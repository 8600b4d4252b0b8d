// Options, arguments, exit statuses and what goes to which stream.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "fixture.h"

using namespace quantize::test;
using Catch::Matchers::ContainsSubstring;
using Words = std::vector<std::string>;

TEST_CASE_METHOD(Fixture, "A plain call writes the output and a summary") {
    const auto result = run({"@in.gguf", "@out.gguf", "Q8_0"});
    CHECK(result.status == 0);
    CHECK(exists("out.gguf"));
    CHECK_THAT(result.out, ContainsSubstring("bits per weight"));
    CHECK(result.err.empty());
    CHECK(folder.names() == std::vector<std::string>{"in.gguf", "out.gguf"});
}

TEST_CASE_METHOD(Fixture, "Wrong usage is one line and status 2") {
    const Words words = GENERATE(
        Words{}, Words{"@in.gguf"}, Words{"@in.gguf", "@out.gguf"},
        Words{"@in.gguf", "@out.gguf", "Q9_9"}, Words{"@in.gguf", "@out.gguf", "Q4_0", "abc"},
        Words{"@in.gguf", "@out.gguf", "Q4_0", "1", "more"},
        Words{"--nosuch", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"@in.gguf", "--pure", "@out.gguf", "Q4_0"},
        Words{"--tensor-type", "attn_v", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--tensor-type", "attn_(v=q8_0", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--tensor-type", "attn_v=q9", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--output-tensor-type", "", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--progress", "maybe", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--tensor-type-file", "@nosuch", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--prune-layers", "1,x", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--prune-layers", "-1", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--override-kv", "nokey", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--override-kv", "a=long:3", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--override-kv", "a=int:three", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--include-weights", "a", "--exclude-weights", "b", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--force", "--no-clobber", "@in.gguf", "@out.gguf", "Q4_0"},
        Words{"--target", "nosuch", "@in.gguf", "@out.gguf", "Q4_0"}, Words{"--imatrix"},
        Words{"inspect"}, Words{"verify"}, Words{"types", "extra"});
    const auto result = run(words);
    CAPTURE(result.err);
    CHECK(result.status == 2);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring("quantize: error: "));
    CHECK(result.out.empty());
    CHECK(folder.names() == std::vector<std::string>{"in.gguf"});
}

TEST_CASE_METHOD(Fixture, "Unknown names are answered with the nearest ones") {
    CHECK_THAT(run({"@in.gguf", "@out.gguf", "Q5_KM"}).err, ContainsSubstring("Q5_K_M"));
    CHECK_THAT(run({"--output-tensor-type", "q8", "@in.gguf", "@out.gguf", "Q4_0"}).err,
               ContainsSubstring("Q8_0"));
    CHECK_THAT(run({"--dry-rn", "@in.gguf", "Q4_0"}).err,
               ContainsSubstring("'--dry-rn'; nearest: --dry-run;"));
    CHECK_THAT(run({"inspect", "--jsn", "@in.gguf"}).err, ContainsSubstring("--json"));
    CHECK_THAT(run({"@in.gguf", "Q4_KM"}).err, ContainsSubstring("nearest: Q4_K_M"));
}

TEST_CASE_METHOD(Fixture, "Options may also stand after the arguments") {
    CHECK(run({"--pure", "@in.gguf", "@before.gguf", "Q4_K_M"}).status == 0);
    CHECK(run({"@in.gguf", "@after.gguf", "Q4_K_M", "1", "--pure", "-t", "2"}).status == 0);
    CHECK(content("before.gguf") == content("after.gguf"));
}

TEST_CASE_METHOD(Fixture, "Thread counts are taken as the reference takes them") {
    for (const char* threads : {"0", "-1", "1", "5"}) {
        CHECK(run({"@in.gguf", "@out.gguf", "Q4_0", threads}).status == 0);
    }
}

TEST_CASE_METHOD(Fixture, "Without an output the reference's name is taken") {
    CHECK(run({"@in.gguf", "q4_k"}).status == 0);
    CHECK(exists("ggml-model-Q4_K.gguf"));
    CHECK(run({"@in.gguf", "7"}).status == 0);
    CHECK(exists("ggml-model-Q8_0.gguf"));
}

TEST_CASE_METHOD(Fixture, "Help and version succeed on standard output") {
    for (const Words& words : {Words{"--help"}, Words{"-h"}, Words{"types", "--help"},
                               Words{"inspect", "-h"}, Words{"verify", "-h"}, Words{"--version"}}) {
        const auto result = run(words);
        CHECK(result.status == 0);
        CHECK(result.err.empty());
        CHECK_FALSE(result.out.empty());
    }
    CHECK_THAT(run({"--help"}).out, ContainsSubstring("Examples:"));
}

TEST_CASE_METHOD(Fixture, "Quiet says nothing, verbose names every tensor") {
    const auto quiet = run({"-q", "@in.gguf", "@out.gguf", "Q8_0"});
    CHECK(quiet.out.empty());
    CHECK(quiet.err.empty());
    const auto verbose = run({"-v", "@in.gguf", "@out.gguf", "Q8_0"});
    CHECK_THAT(verbose.err, ContainsSubstring("blk.1.ffn_down.weight"));
}

TEST_CASE_METHOD(Fixture, "JSON is one object with every tensor and the totals") {
    const auto result = run({"--json", "@in.gguf", "@out.gguf", "Q4_K_M"});
    REQUIRE(result.status == 0);
    CHECK(result.err.empty());
    const auto json = nlohmann::json::parse(result.out);
    CHECK(json["recipe"] == "Q4_K_M");
    CHECK(json["tensors"].size() == 19);
    std::uint64_t bytes = 0;
    for (const auto& tensor : json["tensors"]) {
        for (const char* key : {"name", "shape", "from", "to", "bytes"}) {
            CHECK(tensor.contains(key));
        }
        bytes += tensor["bytes"].get<std::uint64_t>();
    }
    CHECK(json["totals"]["bytes"] == bytes);
    CHECK(json["totals"]["file_bytes"] == std::filesystem::file_size(folder / "out.gguf"));
    CHECK(json["seconds"].get<double>() > 0);
    const double weights = json["totals"]["weights"].get<double>();
    CHECK(json["bits_per_weight"].get<double>() == 8.0 * static_cast<double>(bytes) / weights);
}

TEST_CASE_METHOD(Fixture, "A dry run tells the same sizes and writes nothing") {
    const auto dry = run({"--dry-run", "--json", "@in.gguf", "@out.gguf", "Q5_K_M"});
    REQUIRE(dry.status == 0);
    CHECK(folder.names() == std::vector<std::string>{"in.gguf"});
    const auto real = run({"--json", "@in.gguf", "@out.gguf", "Q5_K_M"});
    CHECK(nlohmann::json::parse(dry.out)["totals"] == nlohmann::json::parse(real.out)["totals"]);
    const auto needy = run({"--dry-run", "@in.gguf", "IQ2_XXS"});
    CHECK(needy.status == 0);
    CHECK_THAT(needy.err, ContainsSubstring("importance matrix"));
}

TEST_CASE_METHOD(Fixture, "A file named like a command is reached by its path") {
    std::filesystem::copy(folder / "in.gguf", folder / "types");
    const auto here = std::filesystem::current_path();
    std::filesystem::current_path(folder.path());
    const auto result = run({"./types", "out.gguf", "Q8_0"});
    std::filesystem::current_path(here);
    CHECK(result.status == 0);
    CHECK(exists("out.gguf"));
}

TEST_CASE_METHOD(Fixture, "types lists every recipe and type") {
    const auto text = run({"types"});
    CHECK_THAT(text.out, ContainsSubstring("Q5_K_M") && ContainsSubstring("+0.0142"));
    const auto json = nlohmann::json::parse(run({"types", "--json"}).out);
    CHECK(json["recipes"].size() > 30);
    CHECK(json["types"].size() == 35);
}

TEST_CASE_METHOD(Fixture, "inspect shows metadata and tensors") {
    CHECK_THAT(run({"inspect", "@in.gguf"}).out,
               ContainsSubstring("general.architecture") && ContainsSubstring("output.weight"));
    const auto json = nlohmann::json::parse(run({"inspect", "--json", "@in.gguf"}).out);
    CHECK(json["files"][0]["tensors"].size() == 19);
    CHECK(json["files"][0]["metadata"][1]["value"] == 2);
}

TEST_CASE_METHOD(Fixture, "An unknown instruction set is refused, each known one gives one file") {
    CHECK(run({"@in.gguf", "@out.gguf", "Q8_0"}, {"QUANTIZE_TARGET=nosuch"}).status == 2);
    REQUIRE(run({"@in.gguf", "@best.gguf", "Q4_K_M"}).status == 0);
    REQUIRE(run({"@in.gguf", "@scalar.gguf", "Q4_K_M"}, {"QUANTIZE_TARGET=scalar"}).status == 0);
    CHECK(content("best.gguf") == content("scalar.gguf"));
}

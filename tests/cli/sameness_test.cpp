// One request gives one file, whatever the threads and the order of work.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <nlohmann/json.hpp>

#include "fixture.h"

using namespace quantize::test;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("Threads and the order of chunks do not change a byte") {
    TemporaryFolder folder;
    // Rows longer than a chunk, rows that no chunk divides, and many short ones.
    ModelBuilder(1)
        .usual_tensors(1, 700)
        .tensor("blk.0.long.weight", {256 * 600, 3})
        .tensor("blk.0.experts.weight", {768, 50, 4})
        .write(folder / "in.gguf");
    const std::string recipe = GENERATE("Q4_K_M", "Q2_K", "Q8_0", "F16", "COPY", "IQ4_XS");
    const auto convert = [&](const char* output, std::vector<std::string> extra) {
        std::vector<std::string> words{QUANTIZE_TOOL};
        words.insert(words.end(), extra.begin(), extra.end());
        for (const char* file : {"in.gguf", output})
            words.push_back((folder / file).string());
        words.push_back(recipe);
        const auto result = run_program(words);
        CAPTURE(result.err);
        REQUIRE(result.status == 0);
        return read_file(folder / output);
    };
    const std::string first = convert("one.gguf", {"-t", "1"});
    for (const char* threads : {"2", "3", "7"}) {
        CHECK(convert("many.gguf", {"--threads", threads}) == first);
        CHECK(convert("shuffled.gguf", {"-t", threads, "--shuffle-chunks", threads}) == first);
    }
}

TEST_CASE_METHOD(Fixture, "What is written passes verify, and damage does not") {
    REQUIRE(run({"--verify", "@in.gguf", "@out.gguf", "Q5_K_M"}).status == 0);
    CHECK(run({"verify", "@out.gguf"}).status == 0);
    const auto compared = run({"verify", "--against", "@in.gguf", "--json", "@out.gguf"});
    REQUIRE(compared.status == 0);
    const nlohmann::json comparison = nlohmann::json::parse(compared.out);
    for (const auto& tensor : comparison["files"][0]["tensors"]) {
        CHECK(tensor["relative_error"].get<double>() < 0.05);
    }
    CHECK(run({"verify", "--against", "@in.gguf", "--threshold", "0.0001", "@out.gguf"}).status ==
          1);

    // The scale of a block of output.weight, which is Q6_K, becomes a NaN.
    const auto json = nlohmann::json::parse(run({"inspect", "--json", "@out.gguf"}).out);
    std::string damaged = content("out.gguf");
    for (const auto& tensor : json["files"][0]["tensors"]) {
        if (tensor["name"] != "output.weight") continue;
        REQUIRE(tensor["type"] == "Q6_K");
        damaged.replace(tensor["offset"].get<std::size_t>() + 208, 2, "\xff\x7f");
    }
    folder.write("damaged.gguf", damaged);
    const auto result = run({"verify", "@damaged.gguf", "@out.gguf"});
    CHECK(result.status == 1);
    CHECK_THAT(result.err,
               ContainsSubstring("damaged.gguf") && ContainsSubstring("infinite or NaN"));
    CHECK_THAT(result.out, ContainsSubstring("out.gguf: sound"));
}

TEST_CASE_METHOD(Fixture, "Pruned layers keep their own weights under their new numbers") {
    ModelBuilder(4).usual_tensors(4).write(folder / "four.gguf");
    REQUIRE(run({"--prune-layers", "1", "@four.gguf", "@three.gguf", "COPY"}).status == 0);
    const auto tensors = [&](const char* file) {
        std::map<std::string, std::string> found;
        const auto json = nlohmann::json::parse(run({"inspect", "--json", file}).out);
        const std::string bytes = read_file(json["files"][0]["file"].get<std::string>());
        for (const auto& tensor : json["files"][0]["tensors"]) {
            found[tensor["name"]] = bytes.substr(tensor["offset"], tensor["bytes"]);
        }
        return found;
    };
    auto four = tensors("@four.gguf");
    auto three = tensors("@three.gguf");
    CHECK(three.size() == four.size() - 8);
    CHECK(three["blk.0.attn_q.weight"] == four["blk.0.attn_q.weight"]);
    CHECK(three["blk.1.attn_q.weight"] == four["blk.2.attn_q.weight"]);
    CHECK(three["blk.2.ffn_down.weight"] == four["blk.3.ffn_down.weight"]);
    CHECK_THAT(run({"inspect", "@three.gguf"}).out, ContainsSubstring("llama.block_count"));
}

TEST_CASE("The alignment that a file states is kept and kept to") {
    TemporaryFolder folder;
    ModelBuilder model(1);
    model.file().key("general.alignment", 4, raw(std::uint32_t{128})).alignment = 128;
    model.tensor("token_embd.weight", {256, 16});
    model.write(folder / "in.gguf");
    const std::string out = (folder / "out.gguf").string();
    REQUIRE(run_program({QUANTIZE_TOOL, (folder / "in.gguf").string(), out, "Q8_0"}).status == 0);
    const auto json = nlohmann::json::parse(
        run_program({QUANTIZE_TOOL, "inspect", "--json", out}).out)["files"][0];
    CHECK(json["alignment"] == 128);
    CHECK(json["data_offset"].get<int>() % 128 == 0);
    CHECK(std::filesystem::file_size(out) % 128 == 0);
    CHECK(run_program({QUANTIZE_TOOL, "verify", out}).status == 0);
}

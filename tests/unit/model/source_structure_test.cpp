// The stricter look at a file: what llama.cpp refuses, and padding.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <functional>

#include "gguf_builder.h"
#include "model/structure.h"
#include "quantize/error.h"
#include "temporary_folder.h"

namespace quantize::model {
namespace {

namespace fs = std::filesystem;
using test::GgufBuilder;

/// A file with padding after its header and after both tensors.
GgufBuilder padded_model() {
    GgufBuilder file;
    file.key("odd", 0, "x").tensor("a", {3}, 0, 0).tensor("b", {5}, 0, 32);
    file.data.assign(64, '\0');
    return file;
}

std::string finding(const std::string& content) {
    const test::TemporaryFolder folder;
    const TensorSource source(folder.write("m.gguf", content));
    try {
        check_structure(source);
    } catch (const Error& error) {
        return error.what();
    }
    return "sound";
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST_CASE("sound files pass, also without padding after the last tensor, or with a tail") {
    CHECK(finding(test::small_model().file()) == "sound");
    CHECK(finding(padded_model().file()) == "sound");
    std::string file = padded_model().file();
    CHECK(finding(file.substr(0, file.size() - 12)) == "sound");
    CHECK(finding(file + "tail") == "sound");
    CHECK(finding(test::read_file(QUANTIZE_TEST_DATA "/sample-f16.gguf")) == "sound");
    GgufBuilder scalar = padded_model();
    scalar.tensors[0].shape = {};
    CHECK(finding(scalar.file()) == "sound");
}

TEST_CASE("any padding byte that is not zero is found") {
    const std::string sound = padded_model().file();
    const std::size_t header = padded_model().header().size();
    const std::size_t data = sound.size() - 64;
    REQUIRE(data > header);
    for (std::size_t at = header; at < sound.size(); ++at) {
        std::string file = sound;
        file[at] = 1;
        const bool in_tensor =
            (at >= data && at < data + 12) || (at >= data + 32 && at < data + 52);
        CHECK(contains(finding(file), in_tensor ? "sound" : "byte " + std::to_string(at)));
    }
    std::string file = sound;
    file[data + 12] = 1;
    CHECK(contains(finding(file), "m.gguf: after tensor 'a': unexpected padding"));
}

TEST_CASE("what llama.cpp refuses is found") {
    GgufBuilder gap = padded_model();
    gap.tensors[1].offset = 64;
    gap.data.append(32, '\0');
    CHECK(contains(finding(gap.file()), "tensor 'b': unexpected offset 64"));

    GgufBuilder reversed = padded_model();
    reversed.tensors[0].offset = 32;
    reversed.tensors[1].offset = 0;
    CHECK(contains(finding(reversed.file()), "tensor 'a': unexpected offset 32"));
}

TEST_CASE("the reference's own files are sound") {
    const fs::path inputs = fs::path(QUANTIZE_SHARED_DATA) / "golden/files/inputs";
    if (!fs::exists(inputs)) SKIP("no reference data at " << inputs);
    for (const char* name : {"q_q8_0.gguf", "q_q4_k_m.gguf", "h3_split-00001-of-00003.gguf"}) {
        INFO(name);
        CHECK_NOTHROW(check_structure(TensorSource(inputs / name)));
    }
}

}  // namespace
}  // namespace quantize::model

// What is written: sound files come back byte for byte, layouts honour the alignment.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "gguf_builder.h"
#include "quantize/error.h"
#include "quantize/gguf.h"
#include "temporary_folder.h"

namespace quantize::gguf {
namespace {

using test::as_bytes;
using test::raw;

Document parse_whole(const std::string& file) {
    auto document = parse(as_bytes(file), file.size());
    REQUIRE(document);
    return std::move(*document);
}

/// Parses, lays out anew and serializes; the result has to be the file's own header.
void check_round_trip(const std::string& file) {
    Document document = parse_whole(file);
    const std::uint64_t data_offset = document.data_offset;
    const Document before = document;
    const std::uint64_t file_bytes = layout(document);
    CHECK(document.data_offset == data_offset);
    CHECK(file_bytes == file.size());
    for (std::size_t i = 0; i < document.tensors.size(); ++i) {
        CHECK(document.tensors[i].offset == before.tensors[i].offset);
    }
    CHECK(serialize(document) == file.substr(0, data_offset));
}

TEST_CASE("a sound file's header comes back byte for byte") {
    check_round_trip(test::small_model().file());
    check_round_trip(test::read_file(QUANTIZE_TEST_DATA "/sample-f16.gguf"));
}

TEST_CASE("the reference's own outputs come back byte for byte") {
    const std::filesystem::path inputs =
        std::filesystem::path(QUANTIZE_SHARED_DATA) / "golden/files/inputs";
    if (!std::filesystem::exists(inputs)) SKIP("no reference data at " << inputs);
    for (const char* name :
         {"q_q8_0.gguf", "q_q5_1.gguf", "q_q4_k_m.gguf", "h3_split-00001-of-00003.gguf",
          "h3_split-00002-of-00003.gguf", "h3_split-00003-of-00003.gguf"}) {
        INFO(name);
        check_round_trip(test::read_file(inputs / name));
    }
}

TEST_CASE("version 2 is read, version 3 is written") {
    test::GgufBuilder file = test::small_model();
    file.version = 2;
    Document document = parse_whole(file.file());
    CHECK(document.version == 2);
    layout(document);
    CHECK(serialize(document) == test::small_model().file().substr(0, document.data_offset));
}

TEST_CASE("trailing dimensions of 1 are not written, and at least one dimension is") {
    test::GgufBuilder odd;
    odd.tensor("a", {8, 1, 1, 1}, 0, 0).tensor("b", {}, 0, 32).tensor("c", {1, 1}, 0, 64);
    odd.bytes_of_data(96);
    test::GgufBuilder plain;
    plain.tensor("a", {8}, 0, 0).tensor("b", {1}, 0, 32).tensor("c", {1}, 0, 64);
    plain.bytes_of_data(96);

    Document document = parse_whole(odd.file());
    CHECK(document.tensors[0].dims == 4);
    CHECK(document.tensors[1].dims == 0);
    CHECK(document.tensors[1].elems() == 1);
    layout(document);
    CHECK(serialize(document) == plain.file().substr(0, document.data_offset));
}

TEST_CASE("the layout honours the document's alignment") {
    for (const std::uint32_t alignment : {1u, 8u, 32u, 64u, 4096u}) {
        INFO(alignment);
        Document document;
        document.set("general.alignment", Value::of(alignment));
        TensorInfo tensor;
        tensor.shape = {3, 1, 1, 1};  // 12 bytes
        for (const char* name : {"a", "b", "c"}) {
            tensor.name = name;
            document.tensors.push_back(tensor);
        }
        const std::uint64_t file_bytes = layout(document);
        const std::uint64_t padded = (12 + alignment - 1) / alignment * alignment;
        CHECK(document.data_offset % alignment == 0);
        CHECK(document.tensors[2].offset == 2 * padded);
        CHECK(file_bytes == document.data_offset + 3 * padded);

        std::string file = serialize(document);
        CHECK(file.size() == document.data_offset);
        file.resize(file_bytes);
        check_round_trip(file);
    }
}

TEST_CASE("a document without tensors is padded too") {
    Document document;
    document.set("key", Value::of("value"));
    const std::uint64_t file_bytes = layout(document);
    CHECK(file_bytes == document.data_offset);
    CHECK(document.data_offset % 32 == 0);
    check_round_trip(serialize(document));
}

TEST_CASE("setting a key moves it to the end, as ggml does") {
    Document document;
    document.set("a", Value::of(std::uint32_t{1}));
    document.set("b", Value::of(std::uint32_t{2}));
    document.set("a", Value::of("new"));
    REQUIRE(document.metadata.size() == 2);
    CHECK(document.metadata[0].key == "b");
    CHECK(document.metadata[1].key == "a");
    CHECK(document.find("a")->as_string() == "new");
    CHECK(document.erase("b"));
    CHECK_FALSE(document.erase("b"));
    CHECK(document.find("b") == nullptr);
}

TEST_CASE("the alignment follows its key") {
    Document document;
    document.set("general.alignment", Value::of(std::int32_t{64}));
    CHECK(document.alignment == 64);
    CHECK(document.find("general.alignment")->type() == ValueType::u32);
    CHECK_THROWS_AS(document.set("general.alignment", Value::of(std::uint32_t{24})), Error);
    CHECK_THROWS_AS(document.set("general.alignment", Value::of("32")), Error);
    CHECK(document.alignment == 64);
    document.erase("general.alignment");
    CHECK(document.alignment == default_alignment);
}

TEST_CASE("sizes beyond 64 bits and stale layouts are errors") {
    Document document;
    TensorInfo tensor;
    tensor.shape = {std::uint64_t{1} << 61, 1, 1, 1};  // 2^63 bytes
    tensor.name = "a";
    document.tensors.push_back(tensor);
    tensor.name = "b";
    document.tensors.push_back(tensor);
    CHECK_THROWS_AS(layout(document), Error);

    document.tensors.clear();
    layout(document);
    document.set("key", Value::of(std::string(100, 'x')));
    CHECK_THROWS_AS(serialize(document), Error);
}

}  // namespace
}  // namespace quantize::gguf

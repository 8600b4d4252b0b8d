// What is read: every kind of value, both versions, any part of the file at a time.
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <limits>

#include "gguf_builder.h"
#include "quantize/error.h"
#include "quantize/gguf.h"
#include "temporary_folder.h"

namespace quantize::gguf {
namespace {

using test::as_bytes;
using test::raw;
using test::raw_array;
using test::raw_string;

Document parse_whole(const std::string& file) {
    auto document = parse(as_bytes(file), file.size());
    REQUIRE(document);
    return std::move(*document);
}

TEST_CASE("a small model is read as it was built") {
    const std::string file = test::small_model().file();
    const Document document = parse_whole(file);
    CHECK(document.version == 3);
    CHECK(document.alignment == 32);
    CHECK(document.data_offset == file.size() - (128 + 4096));
    REQUIRE(document.metadata.size() == 5);
    CHECK(document.metadata[0].key == "general.architecture");
    CHECK(document.find("general.architecture")->as_string() == "llama");
    CHECK(document.find("nosuch") == nullptr);

    REQUIRE(document.tensors.size() == 2);
    const TensorInfo& tensor = document.tensors[1];
    CHECK(tensor.name == "blk.0.weight");
    CHECK(tensor.dims == 2);
    CHECK(tensor.shape == std::array<std::uint64_t, 4>{64, 16, 1, 1});
    CHECK(tensor.type == TensorType::F32);
    CHECK(tensor.offset == 128);
    CHECK(tensor.bytes() == 4096);
}

TEST_CASE("every type of value is read, with its payload as in the file") {
    const std::string nested =
        raw_array(9, 2, raw_array(0, 2, "\x01\x02") + raw_array(8, 1, raw_string("deep")));
    test::GgufBuilder file;
    file.key("u8", 0, raw(std::uint8_t{200}))
        .key("i8", 1, raw(std::int8_t{-3}))
        .key("u16", 2, raw(std::uint16_t{60000}))
        .key("i16", 3, raw(std::int16_t{-300}))
        .key("u32", 4, raw(std::uint32_t{4000000000}))
        .key("i32", 5, raw(std::int32_t{-70000}))
        .key("f32", 6, raw(1.5f))
        .key("bool", 7, std::string(1, '\1'))
        .key("string", 8, raw_string(std::string("a\0b\xff", 4)))
        .key("array", 9, nested)
        .key("u64", 10, raw(std::numeric_limits<std::uint64_t>::max()))
        .key("i64", 11, raw(std::numeric_limits<std::int64_t>::min()))
        .key("f64", 12, raw(0.1))
        .key("nan", 6, raw(std::uint32_t{0x7FA00001}))
        .key("empty", 8, raw_string(""))
        .key("empty array", 9, raw_array(8, 0, ""));
    const Document document = parse_whole(file.file());
    REQUIRE(document.metadata.size() == file.keys.size());
    for (std::size_t i = 0; i < file.keys.size(); ++i) {
        INFO(file.keys[i].first);
        const KeyValue& entry = document.metadata[i];
        CHECK(entry.key == file.keys[i].first);
        CHECK(raw(static_cast<std::uint32_t>(entry.value.type())) + entry.value.encoded() ==
              file.keys[i].second);
    }
    CHECK(document.find("u8")->as_unsigned() == 200);
    CHECK(document.find("i8")->as_signed() == -3);
    CHECK_FALSE(document.find("i8")->as_unsigned());
    CHECK(document.find("u16")->as_unsigned() == 60000);
    CHECK(document.find("i16")->as_signed() == -300);
    CHECK(document.find("u32")->as_signed() == 4000000000);
    CHECK(document.find("i32")->as_signed() == -70000);
    CHECK(document.find("f32")->as_real() == 1.5);
    CHECK(document.find("bool")->as_bool() == true);
    CHECK(document.find("string")->as_string() == std::string_view("a\0b\xff", 4));
    CHECK(document.find("u64")->as_unsigned() == std::numeric_limits<std::uint64_t>::max());
    CHECK_FALSE(document.find("u64")->as_signed());
    CHECK(document.find("i64")->as_signed() == std::numeric_limits<std::int64_t>::min());
    CHECK(document.find("f64")->as_real() == 0.1);
    CHECK(document.find("empty")->as_string() == "");
    CHECK(document.find("empty array")->element_count() == 0);
    CHECK(document.find("array")->element_type() == ValueType::array);
}

TEST_CASE("booleans stored as other bytes become 0 or 1, as in ggml") {
    test::GgufBuilder file;
    file.key("a", 7, "\x02")
        .key("b", 9, raw_array(7, 4, std::string("\x00\x01\x80\xff", 4)))
        .key("c", 9, raw_array(9, 2, raw_array(7, 1, "\x05") + raw_array(0, 1, "\x05")))
        .key("d", 0, "\x07");
    const Document document = parse_whole(file.file());
    CHECK(document.find("a")->encoded() == "\x01");
    CHECK(document.find("b")->encoded() == raw_array(7, 4, std::string("\x00\x01\x01\x01", 4)));
    CHECK(document.find("c")->encoded() ==
          raw_array(9, 2, raw_array(7, 1, "\x01") + raw_array(0, 1, "\x05")));
    CHECK(document.find("d")->encoded() == "\x07");
}

TEST_CASE("the alignment may be any power of two, in any integer type") {
    for (const std::uint64_t alignment : {1u, 2u, 8u, 64u, 4096u, 65536u}) {
        INFO(alignment);
        test::GgufBuilder file;
        file.alignment = alignment;
        file.key("general.alignment", 4, raw(static_cast<std::uint32_t>(alignment)))
            .tensor("a", {8}, 0, 0)
            .bytes_of_data(32);
        const Document document = parse_whole(file.file());
        CHECK(document.alignment == alignment);
        CHECK(document.data_offset % alignment == 0);
    }
    for (const std::uint32_t type : {2u, 5u, 10u, 11u}) {
        INFO("type " << type);
        const std::size_t bytes = type == 2 ? 2 : type == 5 ? 4 : 8;
        test::GgufBuilder file;
        file.alignment = 64;
        file.key("general.alignment", type, raw(std::uint64_t{64}).substr(0, bytes))
            .key("other", 0, "x")
            .tensor("a", {8}, 0, 0)
            .bytes_of_data(32);
        const Document document = parse_whole(file.file());
        CHECK(document.alignment == 64);
        CHECK(document.metadata[0].value == Value::of(std::uint32_t{64}));
    }
}

TEST_CASE("bytes after the last tensor, gaps, and data in another order are fine") {
    test::GgufBuilder tail = test::small_model();
    tail.data += std::string(100, 'x');
    CHECK(parse_whole(tail.file()).tensors.size() == 2);

    test::GgufBuilder gap;
    gap.tensor("a", {8}, 0, 32).tensor("b", {8}, 0, 256).bytes_of_data(288);
    CHECK(parse_whole(gap.file()).tensors[1].offset == 256);

    test::GgufBuilder reversed;
    reversed.tensor("a", {8}, 0, 32).tensor("b", {8}, 0, 0).bytes_of_data(64);
    CHECK(parse_whole(reversed.file()).tensors[0].offset == 32);
}

TEST_CASE("names of 63 bytes, and names that no terminal should see, are kept") {
    const std::string longest(63, 'n');
    const std::string ugly("\x1b[31m\n\0/..", 10);
    test::GgufBuilder file;
    file.key(ugly, 0, "x").tensor(longest, {8}, 0, 0).tensor(ugly, {8}, 0, 32).bytes_of_data(64);
    const Document document = parse_whole(file.file());
    CHECK(document.tensors[0].name == longest);
    CHECK(document.tensors[1].name == ugly);
    CHECK(document.find(ugly) != nullptr);
}

TEST_CASE("any beginning of a sound file asks for more or is enough") {
    const std::string file = test::small_model().file();
    const std::size_t header = test::small_model().header().size();
    for (std::size_t bytes = 0; bytes <= file.size(); ++bytes) {
        const auto document = parse(as_bytes(std::string_view(file).substr(0, bytes)), file.size());
        CHECK(document.has_value() == (bytes >= header));
    }
    // As a caller reads: never more than asked for, and never in vain.
    std::uint64_t bytes = 1;
    std::uint64_t wanted = 0;
    while (!parse(as_bytes(std::string_view(file).substr(0, bytes)), file.size(), &wanted)) {
        REQUIRE(wanted > bytes);
        bytes = wanted;
    }
    CHECK(bytes == header);
}

TEST_CASE("a file that ends at any byte is an error that says so") {
    const std::string file = test::small_model().file();
    for (std::size_t bytes = 0; bytes < file.size(); ++bytes) {
        const std::string cut = file.substr(0, bytes);
        INFO("cut at " << bytes);
        CHECK_THROWS_AS(parse(as_bytes(cut), cut.size()), Error);
    }
}

TEST_CASE("a vocabulary of a quarter million tokens is read in a blink") {
    constexpr std::uint64_t tokens = 250'000;
    std::string elements;
    for (std::uint64_t i = 0; i < tokens; ++i)
        elements += raw_string("token " + std::to_string(i));
    test::GgufBuilder file;
    file.key("tokens", 9, raw_array(8, tokens, elements));
    file.key("merges", 9, raw_array(8, tokens, elements));
    file.key("bulk", 9, raw_array(0, 40u << 20, std::string(40u << 20, 'b')));
    const std::string bytes = file.file();

    const auto start = std::chrono::steady_clock::now();
    const Document document = parse_whole(bytes);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    CHECK(document.find("tokens")->element_count() == tokens);
    CHECK(taken.count() < 2.0);  // some 30 ms; generous for sanitizers and loaded machines
}

TEST_CASE("the reference's inputs are read") {
    const std::filesystem::path inputs =
        std::filesystem::path(QUANTIZE_SHARED_DATA) / "golden/files/inputs";
    if (!std::filesystem::exists(inputs)) SKIP("no reference data at " << inputs);
    for (const auto& entry : std::filesystem::directory_iterator(inputs)) {
        const std::string name = entry.path().filename().string();
        if (entry.path().extension() != ".gguf") continue;
        INFO(name);
        const std::string file = test::read_file(entry.path());
        const bool refused = name == "x_dup_key.gguf" || name == "x_dup_tensor.gguf" ||
                             name.starts_with("x_trunc") || name == "x_magic.gguf" ||
                             name == "x_version.gguf" || name == "x_empty.gguf";
        if (refused) {
            CHECK_THROWS_AS(parse(as_bytes(file), file.size()), Error);
        } else {
            CHECK(parse(as_bytes(file), file.size()));
        }
    }
}

}  // namespace
}  // namespace quantize::gguf

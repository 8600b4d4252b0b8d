// What is refused, and in which words: each class of damage by one case, then damage at random.
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <random>

#include "gguf/limits.h"
#include "gguf_builder.h"
#include "quantize/error.h"
#include "quantize/gguf.h"

namespace quantize::gguf {
namespace {

using test::as_bytes;
using test::GgufBuilder;
using test::raw;
using test::raw_array;
using test::raw_string;
using test::small_model;

constexpr std::uint64_t two_to_62 = std::uint64_t{1} << 62;

/// The message with which `file` is refused; "accepted" or "wants more" when it is not.
std::string refusal(const std::string& file, std::uint64_t file_size) {
    try {
        return parse(as_bytes(file), file_size) ? "accepted" : "wants more";
    } catch (const Error& error) {
        return error.what();
    }
}
std::string refusal(const std::string& file) {
    return refusal(file, file.size());
}

struct Damage {
    const char* what;
    std::function<void(GgufBuilder&)> damage;
    std::vector<const char*> words;  ///< that the message contains
};

void check_refused(const std::vector<Damage>& cases) {
    for (const Damage& one : cases) {
        INFO(one.what);
        GgufBuilder file = small_model();
        one.damage(file);
        const std::string message = refusal(file.file());
        INFO(message);
        for (const char* word : one.words)
            CHECK(message.find(word) != std::string::npos);
    }
}

std::string nested_arrays(unsigned levels) {
    std::string value = raw_array(0, 1, "x");
    for (unsigned i = 1; i < levels; ++i)
        value = raw_array(9, 1, value);
    return value;
}

TEST_CASE("damaged headers are refused with a reason") {
    check_refused({
        {"magic", [](auto& f) { f.magic = "GGXF"; }, {"not a GGUF file", "GGXF"}},
        {"version 0", [](auto& f) { f.version = 0; }, {"unsupported GGUF version 0"}},
        {"version 1", [](auto& f) { f.version = 1; }, {"unsupported GGUF version 1", "convert"}},
        {"version 9", [](auto& f) { f.version = 9; }, {"unsupported GGUF version 9"}},
        {"big-endian", [](auto& f) { f.version = 0x03000000; }, {"big-endian"}},
        {"tensor count", [](auto& f) { f.extra_tensors = two_to_62; }, {"number of tensors"}},
        {"key count", [](auto& f) { f.extra_keys = two_to_62; }, {"number of keys"}},
        {"one key too many", [](auto& f) { f.extra_keys = 1; }, {"at byte"}},
    });
}

TEST_CASE("damaged metadata is refused with the key's name") {
    const std::string long_string = raw(two_to_62) + "short";
    check_refused({
        {"string length", [&](auto& f) { f.key("k", 8, long_string); }, {"key 'k'", "length"}},
        {"string length -1", [](auto& f) { f.key("k", 8, raw(~0ull)); }, {"key 'k'", "length"}},
        {"array count wraps",
         [](auto& f) { f.key("k", 9, raw_array(11, two_to_62 / 2 + 2, std::string(16, 'x'))); },
         {"key 'k'", "invalid array"}},
        {"array of strings",
         [](auto& f) { f.key("k", 9, raw_array(8, two_to_62, "")); },
         {"key 'k'", "invalid array"}},
        {"array of arrays",
         [](auto& f) { f.key("k", 9, raw_array(9, two_to_62, "")); },
         {"key 'k'", "invalid array"}},
        {"value type", [](auto& f) { f.key("k", 77, "x"); }, {"key 'k'", "value type 77"}},
        {"element type",
         [](auto& f) { f.key("k", 9, raw_array(13, 1, "x")); },
         {"key 'k'", "value type 13"}},
        {"nesting",
         [](auto& f) { f.key("k", 9, nested_arrays(max_array_nesting + 1)); },
         {"key 'k'", "nested too deep"}},
        {"duplicate", [](auto& f) { f.key("flag", 0, "x"); }, {"key 'flag'", "duplicate"}},
        {"empty key", [](auto& f) { f.key("", 0, "x"); }, {"empty name"}},
        {"escapes", [](auto& f) { f.key("\x1b[2J\n", 77, "x"); }, {"\\x1b[2J\\n", "value type"}},
    });
}

TEST_CASE("nesting up to the limit is accepted") {
    GgufBuilder file = small_model();
    file.key("k", 9, nested_arrays(max_array_nesting));
    CHECK(refusal(file.file()) == "accepted");
}

TEST_CASE("bad alignments are refused") {
    const auto aligned = [](std::uint32_t value) {
        return [value](GgufBuilder& f) { f.key("general.alignment", 4, raw(value)); };
    };
    const std::vector<const char*> words{"key 'general.alignment'", "alignment"};
    check_refused({
        {"0", aligned(0), words},
        {"24", aligned(24), words},
        {"2^31", aligned(std::uint32_t{1} << 31), words},
        {"above the limit", aligned(std::uint32_t{max_alignment} * 2), words},
        {"text", [](auto& f) { f.key("general.alignment", 8, raw_string("32")); }, words},
        {"float", [](auto& f) { f.key("general.alignment", 6, raw(32.0f)); }, words},
        {"negative", [](auto& f) { f.key("general.alignment", 5, raw(-32)); }, words},
        {"2^40", [](auto& f) { f.key("general.alignment", 10, raw(1ull << 40)); }, words},
    });
}

TEST_CASE("damaged tensor entries are refused with the tensor's name") {
    check_refused({
        {"long name", [](auto& f) { f.tensor(std::string(64, 'n'), {32}, 0, 0); }, {"too long"}},
        {"duplicate",
         [](auto& f) { f.tensor("norm.weight", {32}, 0, 0); },
         {"tensor 'norm.weight'", "duplicate"}},
        {"7 dimensions",
         [](auto& f) {
             f.tensor("t", {1, 1, 1, 1, 1, 1, 1}, 0, 0);
         },
         {"tensor 't'", "number of dimensions, 7"}},
        {"dimension 0",
         [](auto& f) {
             f.tensor("t", {32, 0}, 0, 0);
         },
         {"dimension 2 is 0"}},
        {"row of 0", [](auto& f) { f.tensor("t", {0}, 0, 0); }, {"dimension 1 is 0"}},
        {"elements wrap",
         [](auto& f) {
             f.tensor("t", {std::uint64_t{1} << 32, std::uint64_t{1} << 32}, 0, 0);
         },
         {"tensor 't'", "number of elements exceeds"}},
        {"negative dimension", [](auto& f) { f.tensor("t", {~0ull}, 0, 0); }, {"exceeds 64 bits"}},
        {"bytes wrap", [](auto& f) { f.tensor("t", {two_to_62}, 0, 0); }, {"exceeds 64 bits"}},
        {"removed type", [](auto& f) { f.tensor("t", {32}, 4, 0); }, {"type 4", "removed"}},
        {"fork's type", [](auto& f) { f.tensor("t", {32}, 139, 0); }, {"type 139", "fork"}},
        {"no type", [](auto& f) { f.tensor("t", {32}, 777, 0); }, {"unknown tensor type 777"}},
        {"part of a block",
         [](auto& f) { f.tensor("t", {200}, 13, 0); },
         {"tensor 't'", "rows of 200", "Q5_K's block of 256"}},
        {"odd offset", [](auto& f) { f.tensor("t", {8}, 0, 17); }, {"tensor 't'", "alignment, 32"}},
        {"offset wraps",
         [](auto& f) { f.tensor("t", {8}, 0, ~31ull); },
         {"tensor 't'", "wraps around"}},
        {"beyond the end",
         [](auto& f) { f.tensor("t", {8}, 0, 1u << 20); },
         {"tensor 't'", "truncated"}},
        {"overlap", [](auto& f) { f.tensor("t", {8}, 0, 96); }, {"overlaps", "norm.weight"}},
        {"same place", [](auto& f) { f.tensor("t", {8}, 0, 128); }, {"overlaps"}},
        {"data cut", [](auto& f) { f.data.pop_back(); }, {"tensor 'blk.0.weight'", "truncated"}},
    });
}

TEST_CASE("the message tells what a foreign file is") {
    CHECK(refusal("").find("empty") != std::string::npos);
    CHECK(refusal("<html><body>not found").find("web page") != std::string::npos);
    CHECK(refusal("version https://git-lfs.github.com/spec/v1\n").find("git lfs pull") !=
          std::string::npos);
    CHECK(refusal(std::string(1000, '\0')).find("unfinished download") != std::string::npos);
    CHECK(refusal(raw(std::uint64_t{500}) + "{\"__metadata__\"").find("safetensors") !=
          std::string::npos);
    CHECK(refusal("PK\x03\x04").find("zip") != std::string::npos);
    CHECK(refusal("\x1b]0;x").find('\x1b') == std::string::npos);
}

TEST_CASE("what only a huge sparse file could hold is refused before it is read") {
    constexpr std::uint64_t huge = std::uint64_t{1} << 45;
    GgufBuilder file = small_model();
    file.key("k", 8, raw(std::uint64_t{1} << 40));
    CHECK(refusal(file.header(), huge).find("header is too large") != std::string::npos);

    file = small_model();
    file.key("k", 9, raw_array(0, std::uint64_t{1} << 40, ""));
    CHECK(refusal(file.header(), huge).find("header is too large") != std::string::npos);

    file = small_model();
    file.extra_tensors = max_tensors;
    CHECK(refusal(file.header(), huge).find("number of tensors") != std::string::npos);

    file = small_model();
    file.extra_keys = max_keys;
    CHECK(refusal(file.header(), huge).find("number of keys") != std::string::npos);
}

/// Whatever comes out: an Error, a wish for more, or a document that holds what parse() promises.
void check_sound(const std::string& file) {
    try {
        const auto document = parse(as_bytes(file), file.size());
        REQUIRE(document);
        for (const TensorInfo& tensor : document->tensors) {
            REQUIRE(tensor.elems() > 0);
            REQUIRE(tensor.offset % document->alignment == 0);
            REQUIRE(document->data_offset + tensor.offset + tensor.bytes() <= file.size());
        }
        for (const KeyValue& entry : document->metadata) {
            entry.value.for_each_element([](const Value& element) { element.to_text(); });
        }
        Document again = *document;
        layout(again);
        const std::string header = serialize(again);
        std::string rewritten = header;
        if (!again.tensors.empty()) {
            const TensorInfo& last = again.tensors.back();
            rewritten.resize(again.data_offset + last.offset + last.bytes());
        }
        const auto reread = parse(as_bytes(rewritten), rewritten.size());
        REQUIRE(reread);
        REQUIRE(serialize(*reread) == header);
    } catch (const Error& error) {
        for (const char c : std::string_view(error.what())) {
            REQUIRE(static_cast<unsigned char>(c) >= 0x20);
        }
    }
}

TEST_CASE("random damage never yields an unsound document") {
    std::mt19937 random(20240607);
    const std::string sound = small_model().file();
    const std::size_t header = small_model().header().size();
    constexpr unsigned char edges[] = {0x00, 0x01, 0x7F, 0x80, 0xFF, 0x20};
    for (int round = 0; round < 20'000; ++round) {
        std::string file = sound;
        const unsigned changes = 1 + random() % 4;
        for (unsigned i = 0; i < changes; ++i) {
            const std::size_t at = random() % header;
            file[at] = static_cast<char>(random() % 2 ? edges[random() % 6] : random());
        }
        if (random() % 8 == 0) file.resize(random() % file.size());
        if (random() % 8 == 0) file.insert(random() % (file.size() + 1), random() % 16, '\0');
        check_sound(file);
    }
}

TEST_CASE("each byte of the header in turn set to each extreme") {
    const std::string sound = small_model().file();
    const std::size_t header = small_model().header().size();
    for (std::size_t at = 0; at < header; ++at) {
        for (const int value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
            std::string file = sound;
            file[at] = static_cast<char>(value);
            check_sound(file);
        }
    }
}

}  // namespace
}  // namespace quantize::gguf

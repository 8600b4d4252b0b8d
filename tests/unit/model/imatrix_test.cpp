// Both forms of importance matrices: what is read, what is recorded, what is refused.
#include "model/imatrix.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <limits>

#include "base/bytes.h"
#include "quantize/error.h"
#include "temporary_folder.h"

namespace quantize::model {
namespace {

using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::MessageMatches;
using gguf::Value;
using Shape = std::array<std::uint64_t, 4>;

std::string floats(const std::vector<float>& values) {
    std::string bytes;
    for (float value : values)
        append_le(bytes, value);
    return bytes;
}

struct LegacyEntry {
    std::string name;
    std::int32_t calls;
    std::vector<float> values;
};

std::string legacy(const std::vector<LegacyEntry>& entries, const std::string& trailer = {}) {
    std::string bytes;
    append_le(bytes, static_cast<std::int32_t>(entries.size()));
    for (const LegacyEntry& entry : entries) {
        append_le(bytes, static_cast<std::int32_t>(entry.name.size()));
        bytes += entry.name;
        append_le(bytes, entry.calls);
        append_le(bytes, static_cast<std::int32_t>(entry.values.size()));
        bytes += floats(entry.values);
    }
    return bytes + trailer;
}

std::string legacy_trailer(std::int32_t chunks, const std::string& dataset) {
    std::string bytes;
    append_le(bytes, chunks);
    append_le(bytes, static_cast<std::int32_t>(dataset.size()));
    return bytes + dataset;
}

struct GgufTensor {
    std::string name;
    std::vector<float> values;
    TensorType type = TensorType::F32;
};

Value array_of(gguf::ValueType type, std::uint64_t count, const std::string& elements) {
    std::string encoded;
    append_le(encoded, static_cast<std::uint32_t>(type));
    append_le(encoded, count);
    return Value(gguf::ValueType::array, encoded + elements);
}

Value strings(const std::vector<std::string>& texts) {
    std::string elements;
    for (const std::string& text : texts)
        elements += Value::of(std::string_view(text)).encoded();
    return array_of(gguf::ValueType::string, texts.size(), elements);
}

std::vector<gguf::KeyValue> usual_keys() {
    return {{"imatrix.datasets", strings({"calibration.txt", "second.txt"})},
            {"imatrix.chunk_count", Value::of(std::uint32_t{7})},
            {"imatrix.chunk_size", Value::of(std::uint32_t{512})}};
}

std::string gguf_form(const std::vector<GgufTensor>& tensors,
                      const std::vector<gguf::KeyValue>& keys = usual_keys()) {
    gguf::Document document;
    document.metadata = keys;
    for (const GgufTensor& tensor : tensors) {
        gguf::TensorInfo info;
        info.name = tensor.name;
        info.type = tensor.type;
        info.shape[0] = tensor.values.size();
        document.tensors.push_back(info);
    }
    const std::uint64_t size = gguf::layout(document);
    std::string bytes = gguf::serialize(document);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        bytes.resize(document.data_offset + document.tensors[i].offset);
        bytes += floats(tensors[i].values).substr(0, document.tensors[i].bytes());
    }
    bytes.resize(size);
    return bytes;
}

ImportanceMatrix open(const std::string& bytes, const ImatrixFilter& filter = {}) {
    const test::TemporaryFolder folder;
    return ImportanceMatrix::open(folder.write("imatrix", bytes).string(), filter);
}

void check_refused(const std::string& bytes, const std::string& words) {
    CAPTURE(words);
    CHECK_THROWS_MATCHES(
        open(bytes), Error,
        MessageMatches(ContainsSubstring("/imatrix: ") && ContainsSubstring(words)));
}

std::string name_of(const std::pair<std::string, Value>& key) {
    return key.first;
}

const float nan = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("the GGUF form: sums by the counts of each expert") {
    const ImportanceMatrix matrix = open(
        gguf_form({{"a.in_sum2", {3, 6, 9, 12, 5, 5}}, {"a.counts", {3, 2.6f, 0}}, {"note", {1}}}));
    CHECK(matrix.entry_count() == 1);
    CHECK(matrix.weights("a", Shape{2, 9, 3, 1}) == std::vector<float>{1, 2, 3, 4, 1, 1});
    CHECK(matrix.weights("b", Shape{2, 9, 3, 1}).empty());
    CHECK(matrix.chunk_count() == 7);
    CHECK(matrix.datasets().at(0) == "calibration.txt");
}

TEST_CASE("the older form: sums by calls, or as they are") {
    const ImportanceMatrix matrix =
        open(legacy({{"a", 10, {1, 5}}, {"b", 0, {1, 5}}, {"b", 2, {4, 6}}},
                    legacy_trailer(3, "calibration.txt")));
    CHECK(matrix.entry_count() == 2);
    CHECK(matrix.weights("a", Shape{2, 1, 1, 1}) == std::vector<float>{1 / 10.0f, 0.5f});
    CHECK(matrix.weights("b", Shape{1, 1, 2, 1}) == std::vector<float>{2, 3});
    CHECK(matrix.chunk_count() == 3);
    CHECK(matrix.datasets().at(0) == "calibration.txt");
    CHECK(open(legacy({{"b", 0, {1, 5}}})).weights("b", Shape{2, 1, 1, 1}) ==
          std::vector<float>{1, 5});
}

TEST_CASE("what is recorded") {
    const std::string bytes = gguf_form({{"a.in_sum2", {1, 1}}, {"a.counts", {1}}});
    const test::TemporaryFolder folder;
    const std::string path = folder.write("imatrix", bytes).string();
    const ImportanceMatrix matrix = ImportanceMatrix::open(path);
    const auto keys = matrix.provenance();
    REQUIRE(keys.size() == 4);
    CHECK(name_of(keys[0]) == "quantize.imatrix.file");
    CHECK(keys[0].second == Value::of(std::string_view(path)));
    CHECK(name_of(keys[1]) == "quantize.imatrix.dataset");
    CHECK(keys[1].second == Value::of("calibration.txt"));
    CHECK(name_of(keys[2]) == "quantize.imatrix.entries_count");
    CHECK(keys[2].second == Value::of(std::uint32_t{1}));
    CHECK(name_of(keys[3]) == "quantize.imatrix.chunks_count");
    CHECK(keys[3].second == Value::of(std::uint32_t{7}));

    const auto few = open(legacy({{"a", 1, {1, 1}}})).provenance();
    REQUIRE(few.size() == 2);
    CHECK(name_of(few[1]) == "quantize.imatrix.entries_count");

    const auto cut = open(legacy({{"a", 1, {1}}}, legacy_trailer(-1, std::string(500, 'd'))));
    CHECK(cut.provenance().at(1).second == Value::of(std::string_view(std::string(127, 'd'))));
    CHECK(cut.provenance().size() == 3);
    CHECK(ImportanceMatrix().provenance().empty());
}

TEST_CASE("filters by parts of names") {
    const std::string bytes =
        legacy({{"blk.0.up", 1, {1}}, {"blk.1.up", 1, {1}}, {"blk.1.down", 1, {nan}}});
    CHECK(open(bytes, {{"up", "blk.0"}, {}}).entry_count() == 2);
    CHECK(open(bytes, {{}, {"down", "blk.0"}}).entry_count() == 1);
    CHECK(open(bytes, {{"none"}, {}}).empty());
    CHECK(open(bytes, {{"none"}, {}}).provenance().empty());
    CHECK_THROWS_AS(open(bytes, {{"down"}, {}}), Error);
}

TEST_CASE("sizes are held against the tensor") {
    const ImportanceMatrix matrix =
        open(legacy({{"a", 1, {1, 2, 3, 4}}, {"token_embd.weight", 1, {1, 2}}}));
    CHECK(matrix.has_weights("a", Shape{4, 10, 1, 1}));
    CHECK(matrix.has_weights("a", Shape{2, 10, 2, 1}));
    CHECK_THROWS_MATCHES(
        matrix.has_weights("a", Shape{2, 10, 1, 1}), Error,
        MessageMatches(ContainsSubstring("entry 'a'") && ContainsSubstring("4 values")));
    CHECK_THROWS_AS(matrix.weights("a", Shape{8, 10, 1, 1}), Error);
    CHECK_FALSE(matrix.has_weights("token_embd.weight", Shape{4, 10, 1, 1}));
    CHECK(matrix.weights("token_embd.weight", Shape{4, 10, 1, 1}).empty());
}

TEST_CASE("GGUF files that are no importance matrix") {
    const std::vector<GgufTensor> sound{{"a.in_sum2", {1, 2}}, {"a.counts", {1}}};
    for (const char* key : {"imatrix.datasets", "imatrix.chunk_count", "imatrix.chunk_size"}) {
        auto keys = usual_keys();
        std::erase_if(keys, [&](const gguf::KeyValue& entry) { return entry.key == key; });
        check_refused(gguf_form(sound, keys), "imatrix.chunk_size");
    }
    auto keys = usual_keys();
    keys[1].value = Value::of("7");
    check_refused(gguf_form(sound, keys), "imatrix.chunk_count");
    keys = usual_keys();
    keys[0].value = Value::of("calibration.txt");
    check_refused(gguf_form(sound, keys), "imatrix.datasets");
    check_refused(gguf_form({{"a", {1}}}), "no entries");
    check_refused(gguf_form({{"a.in_sum2", {1}}}), "entry 'a'");
    check_refused(gguf_form({{"a.counts", {1}}}), "entry 'a'");
    check_refused(gguf_form({{"a.in_sum2", {1, 2, 3}}, {"a.counts", {1, 1}}}), "2 counts");
    check_refused(gguf_form({{"a.in_sum2", {1, 2}, TensorType::F16}, {"a.counts", {1}}}), "F16");
    check_refused(gguf_form({{"a.in_sum2", {1, 2}}, {"a.counts", {1}, TensorType::I32}}), "I32");
    check_refused(gguf_form({{"a.in_sum2", {1, 2}}, {"a.counts", {-1}}}), "count");
    check_refused(gguf_form({{"a.in_sum2", {1, 2}}, {"a.counts", {nan}}}), "count");
    check_refused(gguf_form({{"a.in_sum2", {1, nan}}, {"a.counts", {1}}}), "value 1");
    check_refused(gguf_form({{"a.in_sum2", {1, -2}}, {"a.counts", {1}}}), "negative");
    check_refused(gguf_form(sound).substr(0, 60), "end");
    // Where nothing was counted the sums do not matter.
    CHECK(open(gguf_form({{"a.in_sum2", {nan, 2}}, {"a.counts", {0}}})).entry_count() == 1);
}

TEST_CASE("other files that are no importance matrix") {
    check_refused("", "empty");
    check_refused("not an imatrix", "not an importance matrix");
    check_refused("<!DOCTYPE html><html><body>404 not found</body></html>", "web page");
    check_refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git-lfs");
    check_refused(std::string(4096, '\0'), "not an importance matrix");
    check_refused(legacy({{std::string(300, 'n'), 1, {1}}}), "not an importance matrix");

    const std::string sound = legacy({{"first", 1, {1, 2, 3}}, {"second", 1, {1, 2, 3}}});
    check_refused(sound.substr(0, sound.size() - 3), "entry 'second'");
    check_refused(sound.substr(0, 40), "entry 2");
    check_refused(legacy({{"a", -3, {1}}}), "entry 'a'");
    check_refused(legacy({{"a", 1, {}}, {"b", 1, {1, 2}}}), "entry 'a'");
    check_refused(legacy({{"a", 1, {1, nan}}}), "value 1");
    check_refused(legacy({{"a", 1, {1, -1}}}), "negative");
    CHECK_THROWS_AS(ImportanceMatrix::open("/nonexistent/imatrix.dat"), Error);
}

TEST_CASE("files cut anywhere, or with any byte changed, never do harm") {
    for (const std::string& sound :
         {legacy({{"first", 1, {1, 2, 3}}, {"second", 1, {1, 2, 3}}}, legacy_trailer(3, "set")),
          gguf_form({{"a.in_sum2", {1, 2}}, {"a.counts", {1}}})}) {
        std::size_t refused = 0;
        const auto attempt = [&](const std::string& bytes) {
            try {
                open(bytes);
            } catch (const Error&) {
                ++refused;
            }
        };
        for (std::size_t length = 0; length < sound.size(); ++length) {
            attempt(sound.substr(0, length));
        }
        for (std::size_t at = 0; at < sound.size(); ++at) {
            for (int byte : {0x00, 0x7F, 0xFF}) {
                std::string changed = sound;
                changed[at] = static_cast<char>(byte);
                attempt(changed);
            }
        }
        CHECK(refused > sound.size());
    }
}

}  // namespace quantize::model

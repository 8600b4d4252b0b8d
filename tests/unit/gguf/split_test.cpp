// Names and keys of models in several files.
#include <catch2/catch_test_macros.hpp>

#include "gguf/split.h"
#include "quantize/error.h"

namespace quantize::gguf {
namespace {

Document with_keys(std::optional<Value> number, std::optional<Value> count) {
    Document document;
    if (number) document.set("split.no", *number);
    if (count) document.set("split.count", *count);
    return document;
}

TEST_CASE("shard names are written and read") {
    CHECK(shard_name("dir/m", 0, 3) == "dir/m-00001-of-00003.gguf");
    CHECK(shard_name("m", 65534, 65535) == "m-65535-of-65535.gguf");
    const auto name = parse_shard_name("a-b-00002-of-00010.gguf");
    REQUIRE(name);
    CHECK(name->prefix == "a-b");
    CHECK(name->index == 1);
    CHECK(name->count == 10);
    CHECK(shard_name(name->prefix, name->index, name->count) == "a-b-00002-of-00010.gguf");
}

TEST_CASE("other names are no shard names") {
    for (const char* name :
         {"m.gguf", "m-00001-of-00002.bin", "m-0001-of-0002.gguf", "m-00000-of-00002.gguf",
          "m-00003-of-00002.gguf", "m00001-of-00002.gguf", "m-00001-of-99999.gguf",
          "m-+0001-of-00002.gguf", "m-0000x-of-00002.gguf", "", ".gguf", "-of-00002.gguf"}) {
        INFO(name);
        CHECK_FALSE(parse_shard_name(name));
    }
}

TEST_CASE("positions are written with the types of llama.cpp, and read in any integer type") {
    Document document;
    set_shard_position(document, 1, 3, 77);
    CHECK(document.find("split.no")->type() == ValueType::u16);
    CHECK(document.find("split.count")->type() == ValueType::u16);
    CHECK(document.find("split.tensors.count")->type() == ValueType::i32);
    const auto position = shard_position(document);
    REQUIRE(position);
    CHECK(position->index == 1);
    CHECK(position->count == 3);
    CHECK(position->tensors_in_all == 77);
    erase_shard_position(document);
    CHECK(document.metadata.empty());
    CHECK(shard_position(with_keys(Value::of(std::uint64_t{0}), Value::of(std::int32_t{2}))));
}

TEST_CASE("a model in one file has no position") {
    CHECK_FALSE(shard_position(Document{}));
    CHECK_FALSE(shard_position(with_keys({}, Value::of(std::uint16_t{0}))));
    CHECK_FALSE(shard_position(with_keys({}, Value::of(std::uint16_t{1}))));
}

TEST_CASE("keys that make no sense are refused") {
    const Value two = Value::of(std::uint16_t{2});
    CHECK_THROWS_AS(shard_position(with_keys({}, two)), Error);
    CHECK_THROWS_AS(shard_position(with_keys(two, two)), Error);
    CHECK_THROWS_AS(shard_position(with_keys(Value::of("0"), two)), Error);
    CHECK_THROWS_AS(shard_position(with_keys(Value::of(std::int32_t{-1}), two)), Error);
    CHECK_THROWS_AS(shard_position(with_keys(two, Value::of("many"))), Error);
    CHECK_THROWS_AS(shard_position(with_keys(two, Value::of(std::uint32_t{1} << 20))), Error);
}

}  // namespace
}  // namespace quantize::gguf

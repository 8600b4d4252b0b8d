// Values as numbers, text and elements.
#include <catch2/catch_test_macros.hpp>
#include <limits>

#include "gguf_builder.h"
#include "quantize/error.h"
#include "quantize/gguf.h"

namespace quantize::gguf {
namespace {

using test::raw;
using test::raw_array;
using test::raw_string;

TEST_CASE("values are encoded as the format has it") {
    CHECK(Value::of(std::uint8_t{7}).encoded() == "\x07");
    CHECK(Value::of(std::uint16_t{0x1234}).encoded() == "\x34\x12");
    CHECK(Value::of(std::uint32_t{0x12345678}).encoded() == "\x78\x56\x34\x12");
    CHECK(Value::of(std::uint64_t{1}).encoded() == raw(std::uint64_t{1}));
    CHECK(Value::of(std::int32_t{-2}).encoded() == raw(std::int32_t{-2}));
    CHECK(Value::of(1.5f).encoded() == raw(1.5f));
    CHECK(Value::of(true).encoded() == "\x01");
    CHECK(Value::of("text").encoded() == raw_string("text"));
    CHECK(Value::of("text").type() == ValueType::string);
    CHECK(Value::of(true).type() == ValueType::boolean);
    CHECK(Value() == Value::of(std::uint8_t{0}));
}

TEST_CASE("a value is not what it is not") {
    CHECK_FALSE(Value::of("7").as_unsigned());
    CHECK_FALSE(Value::of(1.0f).as_signed());
    CHECK_FALSE(Value::of(true).as_unsigned());
    CHECK_FALSE(Value::of(std::uint32_t{1}).as_bool());
    CHECK_FALSE(Value::of(std::uint32_t{1}).as_real());
    CHECK_FALSE(Value::of(std::uint32_t{1}).as_string());
    CHECK_FALSE(Value::of(std::uint32_t{1}).element_type());
    CHECK(Value::of(std::uint32_t{1}).element_count() == 0);
}

TEST_CASE("elements come one by one, up to a limit") {
    const Value numbers(
        ValueType::array,
        raw_array(3, 3, raw(std::int16_t{1}) + raw(std::int16_t{-2}) + raw(std::int16_t{3})));
    std::vector<std::int64_t> seen;
    numbers.for_each_element([&](const Value& value) { seen.push_back(*value.as_signed()); });
    CHECK(seen == std::vector<std::int64_t>{1, -2, 3});
    seen.clear();
    numbers.for_each_element([&](const Value& value) { seen.push_back(*value.as_signed()); }, 2);
    CHECK(seen == std::vector<std::int64_t>{1, -2});

    const Value nested(
        ValueType::array,
        raw_array(9, 2, raw_array(8, 2, raw_string("a") + raw_string("")) + raw_array(0, 1, "x")));
    std::vector<Value> inner;
    nested.for_each_element([&](const Value& value) { inner.push_back(value); });
    REQUIRE(inner.size() == 2);
    CHECK(inner[0].encoded() == raw_array(8, 2, raw_string("a") + raw_string("")));
    CHECK(inner[1].element_type() == ValueType::u8);
}

TEST_CASE("a payload shorter than it states is an error, not a read beyond it") {
    for (const std::string& payload :
         {raw_array(8, 1, ""), raw_array(8, 1, raw(std::uint64_t{9}) + "short"),
          raw_array(4, 2, raw(std::uint32_t{1})), raw_array(9, 1, "abc"), raw_array(99, 1, "")}) {
        const Value value(ValueType::array, payload);
        CHECK_THROWS_AS(value.for_each_element([](const Value&) {}), Error);
    }
    CHECK_FALSE(Value(ValueType::string, "abc").as_string());
    CHECK_FALSE(Value(ValueType::string, raw(std::uint64_t{9}) + "short").as_string());
    CHECK_FALSE(Value(ValueType::u32, "abc").as_unsigned());
    CHECK(Value(ValueType::array, "abc").element_count() == 0);
}

TEST_CASE("text for people is one safe line") {
    CHECK(Value::of(std::int32_t{-5}).to_text() == "-5");
    CHECK(Value::of(std::uint64_t{18446744073709551615u}).to_text() == "18446744073709551615");
    CHECK(Value::of(0.1f).to_text() == "0.1");
    CHECK(Value(ValueType::f64, raw(1e300)).to_text() == "1e+300");
    CHECK(Value::of(false).to_text() == "false");
    CHECK(Value::of("a\x1b[0m\nb").to_text() == "\"a\\x1b[0m\\nb\"");
    CHECK(Value::of(std::string(500, 'x')).to_text(20).size() < 30);
    CHECK(Value(ValueType::array, raw_array(0, 2, "\x01\x02")).to_text() == "[1, 2]");
    CHECK(Value(ValueType::array, raw_array(8, 0, "")).to_text() == "[]");
    const std::string many =
        Value(ValueType::array, raw_array(0, 1000, std::string(1000, '\7'))).to_text(20);
    CHECK(many.ends_with("7, ...] (1000 x u8)"));
    CHECK(many.size() < 60);
}

TEST_CASE("types have names") {
    CHECK(value_type_name(ValueType::boolean) == "bool");
    CHECK(value_type_name(ValueType::f64) == "f64");
    CHECK(value_type_name(static_cast<ValueType>(77)) == "unknown");
}

}  // namespace
}  // namespace quantize::gguf

// Metadata values: from numbers and strings to their encoding, and back.
#include <charconv>
#include <cstring>
#include <limits>

#include "base/bytes.h"
#include "gguf/encoding.h"
#include "quantize/error.h"
#include "quantize/gguf.h"

namespace quantize::gguf {
namespace {

template <class T>
Value encode_number(ValueType type, T number) {
    std::string encoded;
    append_le(encoded, number);
    return {type, std::move(encoded)};
}

/// Calls `visit` with the integer in `value`, in its own type; false when it holds none.
template <class Visit>
bool visit_integer(ValueType type, const std::string& encoded, Visit&& visit) {
    if (fixed_size(type) != encoded.size()) return false;
    const char* bytes = encoded.data();
    switch (type) {
        case ValueType::u8:
            visit(load_le<std::uint8_t>(bytes));
            return true;
        case ValueType::i8:
            visit(load_le<std::int8_t>(bytes));
            return true;
        case ValueType::u16:
            visit(load_le<std::uint16_t>(bytes));
            return true;
        case ValueType::i16:
            visit(load_le<std::int16_t>(bytes));
            return true;
        case ValueType::u32:
            visit(load_le<std::uint32_t>(bytes));
            return true;
        case ValueType::i32:
            visit(load_le<std::int32_t>(bytes));
            return true;
        case ValueType::u64:
            visit(load_le<std::uint64_t>(bytes));
            return true;
        case ValueType::i64:
            visit(load_le<std::int64_t>(bytes));
            return true;
        default:
            return false;
    }
}

[[noreturn]] void fail_short() {
    throw Error("metadata value shorter than its contents state");
}

std::string real_to_text(double number) {
    std::array<char, 32> buffer{};
    const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), number);
    return {buffer.data(), result.ptr};
}

}  // namespace

std::string_view value_type_name(ValueType type) {
    switch (type) {
        case ValueType::u8:
            return "u8";
        case ValueType::i8:
            return "i8";
        case ValueType::u16:
            return "u16";
        case ValueType::i16:
            return "i16";
        case ValueType::u32:
            return "u32";
        case ValueType::i32:
            return "i32";
        case ValueType::f32:
            return "f32";
        case ValueType::boolean:
            return "bool";
        case ValueType::string:
            return "string";
        case ValueType::array:
            return "array";
        case ValueType::u64:
            return "u64";
        case ValueType::i64:
            return "i64";
        case ValueType::f64:
            return "f64";
    }
    return "unknown";
}

Value Value::of(std::uint8_t v) {
    return encode_number(ValueType::u8, v);
}
Value Value::of(std::uint16_t v) {
    return encode_number(ValueType::u16, v);
}
Value Value::of(std::uint32_t v) {
    return encode_number(ValueType::u32, v);
}
Value Value::of(std::uint64_t v) {
    return encode_number(ValueType::u64, v);
}
Value Value::of(std::int32_t v) {
    return encode_number(ValueType::i32, v);
}
Value Value::of(float v) {
    return encode_number(ValueType::f32, v);
}
Value Value::of(bool v) {
    return encode_number(ValueType::boolean, static_cast<std::uint8_t>(v ? 1 : 0));
}
Value Value::of(std::string_view v) {
    std::string encoded;
    encoded.reserve(sizeof(std::uint64_t) + v.size());
    append_le(encoded, std::uint64_t{v.size()});
    encoded += v;
    return {ValueType::string, std::move(encoded)};
}

std::optional<std::uint64_t> Value::as_unsigned() const {
    std::optional<std::uint64_t> result;
    visit_integer(type_, encoded_, [&](auto number) {
        if (std::cmp_greater_equal(number, 0)) result = static_cast<std::uint64_t>(number);
    });
    return result;
}

std::optional<std::int64_t> Value::as_signed() const {
    std::optional<std::int64_t> result;
    visit_integer(type_, encoded_, [&](auto number) {
        if (std::in_range<std::int64_t>(number)) result = static_cast<std::int64_t>(number);
    });
    return result;
}

std::optional<double> Value::as_real() const {
    if (type_ == ValueType::f32 && encoded_.size() == 4) return load_le<float>(encoded_.data());
    if (type_ == ValueType::f64 && encoded_.size() == 8) return load_le<double>(encoded_.data());
    return std::nullopt;
}

std::optional<bool> Value::as_bool() const {
    if (type_ != ValueType::boolean || encoded_.size() != 1) return std::nullopt;
    return encoded_[0] != 0;
}

std::optional<std::string_view> Value::as_string() const {
    if (type_ != ValueType::string) return std::nullopt;
    ByteCursor cursor{std::string_view(encoded_)};
    const auto length = cursor.take_le<std::uint64_t>();
    return length ? cursor.take_text(*length) : std::nullopt;
}

std::optional<ValueType> Value::element_type() const {
    if (type_ != ValueType::array || encoded_.size() < array_header_bytes) return std::nullopt;
    return static_cast<ValueType>(load_le<std::uint32_t>(encoded_.data()));
}

std::uint64_t Value::element_count() const {
    if (!element_type()) return 0;
    return load_le<std::uint64_t>(encoded_.data() + sizeof(std::uint32_t));
}

std::size_t Value::first_element() const {
    return array_header_bytes;
}

namespace {

/// Steps over one value of that type.
void skip(ByteCursor& cursor, ValueType type) {
    if (const auto size = fixed_size(type)) {
        if (!cursor.take(*size)) fail_short();
    } else if (type == ValueType::string) {
        const auto length = cursor.take_le<std::uint64_t>();
        if (!length || !cursor.take(*length)) fail_short();
    } else {
        const auto element = cursor.take_le<std::uint32_t>();
        const auto count = cursor.take_le<std::uint64_t>();
        if (!element || !count) fail_short();
        for (std::uint64_t i = 0; i < *count; ++i)
            skip(cursor, static_cast<ValueType>(*element));
    }
}

}  // namespace

Value Value::element_at(std::size_t& at) const {
    const std::string_view rest = std::string_view(encoded_).substr(std::min(at, encoded_.size()));
    ByteCursor cursor{rest};
    const ValueType type = *element_type();
    skip(cursor, type);
    at += cursor.position();
    return {type, std::string(rest.substr(0, cursor.position()))};
}

std::string Value::to_text(std::size_t limit) const {
    if (const auto text = as_string())
        return std::string(1, '"').append(printable(*text, limit)).append(1, '"');
    if (const auto number = as_unsigned()) return std::to_string(*number);
    if (const auto number = as_signed()) return std::to_string(*number);
    if (const auto number = as_real()) {
        // Shortest digits that give the value back, in the value's own precision.
        if (type_ == ValueType::f64) return real_to_text(*number);
        std::array<char, 32> buffer{};
        const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(),
                                          static_cast<float>(*number));
        return {buffer.data(), result.ptr};
    }
    if (const auto truth = as_bool()) return *truth ? "true" : "false";
    if (!element_type()) return "?";

    const std::uint64_t count = element_count();
    std::string text = "[";
    std::uint64_t shown = 0;
    std::size_t at = first_element();
    while (shown < count && text.size() < limit) {
        if (shown++ != 0) text += ", ";
        text += element_at(at).to_text(limit);
    }
    if (shown == count) return text + "]";
    return text + ", ...] (" + std::to_string(count) + " x " +
           std::string(value_type_name(*element_type())) + ")";
}

}  // namespace quantize::gguf

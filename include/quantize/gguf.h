// What a GGUF file says: metadata and a table of tensors, without the weights.
//
// Layout of the format (versions 2 and 3, little-endian; source: ggml's gguf.h):
//   "GGUF" | u32 version | u64 tensor count | u64 key count
//   per key:    string key | u32 value type | value
//   per tensor: string name | u32 dimensions | u64 shape[] | u32 type | u64 offset
//   padding to general.alignment (32 unless stated), then the data section
// A string is u64 length and bytes; an array is u32 element type, u64 count and the elements.
// Offsets are relative to the data section and multiples of the alignment.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "quantize/tensor_type.h"

namespace quantize::gguf {

/// Types of metadata values; the numbers are those of the file.
enum class ValueType : std::uint32_t {
    u8 = 0,
    i8 = 1,
    u16 = 2,
    i16 = 3,
    u32 = 4,
    i32 = 5,
    f32 = 6,
    boolean = 7,
    string = 8,
    array = 9,
    u64 = 10,
    i64 = 11,
    f64 = 12,
};

/// "u32", "string", ...; "unknown" for a number that is no type.
std::string_view value_type_name(ValueType type);

/// One metadata value. The payload stays encoded as in the file, so that whatever is only passed
/// on (a tokenizer's arrays, a NaN, a nested array) comes out with the same bytes and costs no
/// more memory than it takes in the file.
class Value {
 public:
    Value() = default;
    /// A value whose payload is already encoded and known to be well-formed.
    Value(ValueType type, std::string encoded) : type_(type), encoded_(std::move(encoded)) {}

    static Value of(std::uint8_t v);
    static Value of(std::uint16_t v);
    static Value of(std::uint32_t v);
    static Value of(std::uint64_t v);
    static Value of(std::int32_t v);
    static Value of(float v);
    static Value of(bool v);
    static Value of(std::string_view v);
    static Value of(const char* v) { return of(std::string_view(v)); }

    ValueType type() const { return type_; }
    /// Payload as in the file: little-endian number, length and bytes, or array.
    const std::string& encoded() const { return encoded_; }

    /// The number when this is an integer of any width that is not negative; else nothing.
    std::optional<std::uint64_t> as_unsigned() const;
    /// The number when this is an integer of any width that fits; else nothing.
    std::optional<std::int64_t> as_signed() const;
    std::optional<double> as_real() const;  ///< f32, f64 only
    std::optional<bool> as_bool() const;
    std::optional<std::string_view> as_string() const;

    /// Arrays; element type, count, and each element in turn as a value of its own.
    std::optional<ValueType> element_type() const;
    std::uint64_t element_count() const;  ///< 0 when not an array
    /// Calls `visit(Value)` for the first `limit` elements.
    template <class Visit>
    void for_each_element(Visit&& visit, std::uint64_t limit = UINT64_MAX) const {
        std::size_t at = first_element();
        const std::uint64_t count = std::min<std::uint64_t>(element_count(), limit);
        for (std::uint64_t i = 0; i < count; ++i)
            visit(element_at(at));
    }

    /// One line for people: numbers, quoted and escaped strings, the first elements of arrays.
    std::string to_text(std::size_t limit = 80) const;

    bool operator==(const Value&) const = default;

 private:
    std::size_t first_element() const;
    Value element_at(std::size_t& at) const;  ///< advances `at` past the element

    ValueType type_ = ValueType::u8;
    std::string encoded_{std::string(1, '\0')};
};

struct KeyValue {
    std::string key;
    Value value;
};

inline constexpr unsigned max_dims = 4;

/// A tensor as its header entry describes it.
struct TensorInfo {
    std::string name;
    unsigned dims = 1;                                      ///< as stated in the file, 0 to 4
    std::array<std::uint64_t, max_dims> shape{1, 1, 1, 1};  ///< shape[0] is the row length
    TensorType type = TensorType::F32;
    std::uint64_t offset = 0;  ///< from the start of the data section

    /// The parser has checked that none of these overflows and that rows are whole blocks.
    std::uint64_t elems() const { return shape[0] * shape[1] * shape[2] * shape[3]; }
    std::uint64_t rows() const { return shape[1] * shape[2] * shape[3]; }
    std::uint64_t bytes() const { return rows() * row_bytes(type, shape[0]); }
};

inline constexpr std::uint32_t default_alignment = 32;

/// A parsed header.
struct Document {
    std::uint32_t version = 3;
    std::vector<KeyValue> metadata;   ///< in file order, keys distinct
    std::vector<TensorInfo> tensors;  ///< in file order, names distinct
    std::uint32_t alignment = default_alignment;
    std::uint64_t data_offset = 0;  ///< where the data section starts in the file

    const Value* find(std::string_view key) const;  ///< null when absent
    /// Takes `key` out where it stands and appends it with its new value, as ggml does. Throws
    /// Error when the key is general.alignment and the value no power of two.
    void set(std::string_view key, Value value);
    bool erase(std::string_view key);  ///< false when absent
};

/// Parses the header at the start of `file_start`, the beginning of a file of `file_size` bytes.
/// Everything is checked, so that a Document can be trusted: sizes against the file, arithmetic
/// against overflow, keys and names for duplicates, offsets for alignment and overlap. Gaps between
/// tensors and any order of their data are fine. Two things are brought into the form in which
/// they are written: a boolean is 0 or 1, and general.alignment is a u32.
/// Throws Error that names what is wrong, the key or tensor, and the byte offset.
/// When the header goes on beyond `file_start` (which is shorter than the file), returns nothing
/// and the caller comes back with more of the file: at least `*least_bytes`, when that is asked
/// for.
std::optional<Document> parse(std::span<const std::byte> file_start, std::uint64_t file_size,
                              std::uint64_t* least_bytes = nullptr);

/// Lays the tensors out in order, each at the next multiple of the alignment: sets every
/// tensor's offset, data_offset, and returns the size of the whole file (last tensor padded).
std::uint64_t layout(Document& document);

/// The header's bytes, padded to data_offset. Call layout() first.
std::string serialize(const Document& document);

}  // namespace quantize::gguf

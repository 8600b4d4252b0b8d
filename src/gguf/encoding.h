// Sizes of encoded metadata values, shared by what reads and what writes them.
#pragma once

#include <cstddef>
#include <optional>

#include "quantize/gguf.h"

namespace quantize::gguf {

/// Bytes of one number or boolean of that type; nothing for strings, arrays and unknown types.
constexpr std::optional<std::size_t> fixed_size(ValueType type) {
    switch (type) {
        case ValueType::u8:
        case ValueType::i8:
        case ValueType::boolean:
            return 1;
        case ValueType::u16:
        case ValueType::i16:
            return 2;
        case ValueType::u32:
        case ValueType::i32:
        case ValueType::f32:
            return 4;
        case ValueType::u64:
        case ValueType::i64:
        case ValueType::f64:
            return 8;
        case ValueType::string:
        case ValueType::array:
            break;
    }
    return std::nullopt;
}

/// Bytes before an array's first element: u32 element type, u64 count.
inline constexpr std::size_t array_header_bytes = 4 + 8;

}  // namespace quantize::gguf

// Looking up and changing the metadata of a Document; the alignment follows its key.
#include <algorithm>
#include <bit>
#include <string>
#include <vector>

#include "gguf/alignment.h"
#include "gguf/limits.h"
#include "quantize/error.h"
#include "quantize/gguf.h"

namespace quantize::gguf {

std::uint32_t alignment_of(const Value& value) {
    const auto number = value.as_unsigned();
    if (!number) {
        throw Error("invalid alignment: " + value.to_text() + ", a " +
                    std::string(value_type_name(value.type())) +
                    ", where a power of two (u32) is expected; 32 is usual");
    }
    if (!std::has_single_bit(*number)) {
        throw Error("invalid alignment: " + std::to_string(*number) +
                    " is not a power of two; 32 is usual");
    }
    if (*number > max_alignment) {
        throw Error("invalid alignment: " + std::to_string(*number) + " exceeds the limit of " +
                    std::to_string(max_alignment) + "; 32 is usual");
    }
    return static_cast<std::uint32_t>(*number);
}

const Value* Document::find(std::string_view key) const {
    const auto found = std::ranges::find(metadata, key, &KeyValue::key);
    return found == metadata.end() ? nullptr : &found->value;
}

void Document::set(std::string_view key, Value value) {
    if (key == alignment_key) {
        alignment = alignment_of(value);
        value = Value::of(alignment);
    }
    std::erase_if(metadata, [&](const KeyValue& entry) { return entry.key == key; });
    metadata.push_back({std::string(key), std::move(value)});
}

bool Document::erase(std::string_view key) {
    const auto found = std::ranges::find(metadata, key, &KeyValue::key);
    if (found == metadata.end()) return false;
    metadata.erase(found);
    if (key == alignment_key) alignment = default_alignment;
    return true;
}

}  // namespace quantize::gguf

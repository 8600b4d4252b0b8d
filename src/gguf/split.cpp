// Shard names and keys, read and written.
#include "gguf/split.h"

#include <charconv>

#include "quantize/error.h"

namespace quantize::gguf {
namespace {

constexpr std::string_view number_key = "split.no";
constexpr std::string_view count_key = "split.count";
constexpr std::string_view tensors_key = "split.tensors.count";
constexpr std::string_view extension = ".gguf";
constexpr std::string_view between = "-of-";
constexpr std::size_t digits = 5;

std::string padded(std::uint32_t number) {
    std::string text = std::to_string(number);
    if (text.size() < digits) text.insert(0, digits - text.size(), '0');
    return text;
}

/// Takes `digits` digits off the end of `text`.
std::optional<std::uint32_t> take_number(std::string_view& text) {
    if (text.size() < digits) return std::nullopt;
    const std::string_view last = text.substr(text.size() - digits);
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), number);
    if (error != std::errc{} || end != last.data() + last.size()) return std::nullopt;
    text.remove_suffix(digits);
    return number;
}

bool take_suffix(std::string_view& text, std::string_view suffix) {
    if (!text.ends_with(suffix)) return false;
    text.remove_suffix(suffix.size());
    return true;
}

std::uint64_t required_number(const Document& document, std::string_view key) {
    const std::string item = key_item(key);
    const Value* value = document.find(key);
    if (value == nullptr) {
        throw Error(
            "missing, although split.count says that the model is in several files; get the "
            "files again")
            .at(item);
    }
    const auto number = value->as_unsigned();
    if (!number) {
        throw Error("invalid: " + value->to_text() +
                    " where a count is expected; get the files again")
            .at(item);
    }
    return *number;
}

}  // namespace

std::string shard_name(std::string_view prefix, std::uint32_t index, std::uint32_t count) {
    return std::string(prefix) + "-" + padded(index + 1) + std::string(between) + padded(count) +
           std::string(extension);
}

std::optional<ShardName> parse_shard_name(std::string_view name) {
    if (!take_suffix(name, extension)) return std::nullopt;
    const auto count = take_number(name);
    if (!count || !take_suffix(name, between)) return std::nullopt;
    const auto number = take_number(name);
    if (!number || !take_suffix(name, "-")) return std::nullopt;
    if (*number == 0 || *number > *count || *count > max_shards) return std::nullopt;
    return ShardName{std::string(name), *number - 1, *count};
}

std::optional<ShardPosition> shard_position(const Document& document) {
    if (document.find(count_key) == nullptr) return std::nullopt;
    const std::uint64_t count = required_number(document, count_key);
    if (count <= 1) return std::nullopt;
    if (count > max_shards) {
        throw Error("invalid: " + std::to_string(count) + " files are more than the limit of " +
                    std::to_string(max_shards) + "; get the files again")
            .at(key_item(count_key));
    }
    const std::uint64_t index = required_number(document, number_key);
    if (index >= count) {
        throw Error("invalid: file number " + std::to_string(index) + " (from 0) of " +
                    std::to_string(count) + " cannot be; get the files again")
            .at(key_item(number_key));
    }
    ShardPosition position{static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(count),
                           std::nullopt};
    if (document.find(tensors_key) != nullptr) {
        position.tensors_in_all = required_number(document, tensors_key);
    }
    return position;
}

void set_shard_position(Document& document, std::uint32_t index, std::uint32_t count,
                        std::uint64_t tensors_in_all) {
    erase_shard_position(document);
    document.set(number_key, Value::of(static_cast<std::uint16_t>(index)));
    document.set(count_key, Value::of(static_cast<std::uint16_t>(count)));
    document.set(tensors_key, Value::of(static_cast<std::int32_t>(tensors_in_all)));
}

void erase_shard_position(Document& document) {
    for (const std::string_view key : {number_key, count_key, tensors_key})
        document.erase(key);
}

}  // namespace quantize::gguf

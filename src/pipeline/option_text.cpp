// Parsers of option values. Each accepts what the reference accepts where that makes sense; text
// that the reference would silently read as zero or cut short is refused.
#include "quantize/option_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "quantize/error.h"
#include "recipe/name_pattern.h"
#include "recipe/names.h"

namespace quantize {
namespace {

/// The reference keeps keys and string values in arrays of 128 bytes, terminator included.
constexpr std::size_t max_override_length = 127;

[[noreturn]] void refuse(const std::string& message) {
    throw Error(message, ErrorKind::usage);
}

std::string quoted(std::string_view text) {
    return "'" + printable(text) + "'";
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

std::string nearest(const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names)
        list += (list.empty() ? "" : ", ") + name;
    return list.empty() ? list : "; nearest: " + list;
}

std::string unknown_type(std::string_view text) {
    return "unknown tensor type " + quoted(text) + nearest(nearest_type_names(text)) +
           " (`quantize types` lists all)";
}

template <class Number>
bool read_number(std::string_view text, Number& number) {
    if (text.starts_with('+')) text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

gguf::Value integer_value(std::string_view digits, std::string_view whole) {
    std::int64_t number = 0;
    if (!read_number(digits, number)) {
        refuse("--override-kv " + quoted(whole) + ": " + quoted(digits) + " is not an integer");
    }
    // Only the low 32 bits of the magnitude are kept: the reference writes every integer as u32.
    const std::uint64_t bits = static_cast<std::uint64_t>(number);
    const std::uint64_t magnitude = number < 0 ? 0 - bits : bits;
    return gguf::Value::of(static_cast<std::uint32_t>(magnitude));
}

gguf::Value real_value(std::string_view digits, std::string_view whole) {
    double number = 0;
    if (!read_number(digits, number)) {
        refuse("--override-kv " + quoted(whole) + ": " + quoted(digits) + " is not a number");
    }
    if (std::abs(number) > 3.4028234663852886e38) {
        refuse("--override-kv " + quoted(whole) + ": the number does not fit binary32");
    }
    return gguf::Value::of(static_cast<float>(number));
}

}  // namespace

std::string nearest_hint(std::string_view typed, const std::vector<std::string_view>& known) {
    return nearest(recipe::nearest_names(typed, known));
}

TensorType parse_type_option(std::string_view text) {
    const std::optional<TensorType> type = parse_tensor_type(text);
    if (!type) refuse(unknown_type(text));
    return *type;
}

const Recipe& parse_recipe_option(std::string_view text) {
    const Recipe* recipe = find_recipe(text);
    if (recipe == nullptr) {
        refuse("unknown type " + quoted(text) + nearest(nearest_recipe_names(text)) +
               " (`quantize types` lists all)");
    }
    return *recipe;
}

TypeOverride parse_type_override(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
        refuse("--tensor-type " + quoted(text) + ": expected PATTERN=TYPE, such as attn_v=q8_0");
    }
    TypeOverride result;
    result.pattern = lower(text.substr(0, equals));
    const std::optional<TensorType> type = parse_tensor_type(text.substr(equals + 1));
    if (!type)
        refuse("--tensor-type " + quoted(text) + ": " + unknown_type(text.substr(equals + 1)));
    result.type = *type;
    // Compiled again where it is used: here only to refuse early.
    static_cast<void>(NamePattern(result.pattern));
    return result;
}

std::vector<TypeOverride> read_type_override_file(const std::filesystem::path& file) {
    // A list of tensors is a few kilobytes; a model given by mistake must not be read into memory.
    constexpr std::uintmax_t max_file_bytes = 16u << 20;
    // Several times the tensors of the largest models; each rule costs some kilobytes and is tried
    // on every tensor.
    constexpr std::size_t max_rules = 8192;
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
        throw Error("cannot be read as a list of tensor types: no such file; check the path",
                    ErrorKind::usage)
            .in_file(file.string());
    }
    if (std::filesystem::file_size(file, error) > max_file_bytes) {
        throw Error("too large for a list of tensor types (16 MiB at most); is it the right file?",
                    ErrorKind::usage)
            .in_file(file.string());
    }
    std::ifstream stream(file);
    if (!stream) {
        throw Error("cannot be opened as a list of tensor types; check its permissions",
                    ErrorKind::usage)
            .in_file(file.string());
    }
    return with_file_context(file.string(), [&] {
        std::vector<TypeOverride> overrides;
        for (std::string word; stream >> word;) {
            if (overrides.size() == max_rules) {
                refuse("more than " + std::to_string(max_rules) +
                       " rules; one regular expression can stand for many tensors");
            }
            overrides.push_back(parse_type_override(word));
        }
        return overrides;
    });
}

std::vector<std::uint32_t> parse_layer_list(std::string_view text) {
    std::vector<std::uint32_t> layers;
    for (std::size_t start = 0; start <= text.size();) {
        const std::size_t comma = std::min(text.find(',', start), text.size());
        const std::string_view number = text.substr(start, comma - start);
        std::uint32_t layer = 0;
        if (!read_number(number, layer)) {
            refuse("--prune-layers " + quoted(text) + ": " + quoted(number) +
                   " is not a layer number; expected numbers separated by commas, such as 3,5");
        }
        layers.push_back(layer);
        start = comma + 1;
    }
    std::ranges::sort(layers);
    layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
    return layers;
}

std::pair<std::string, gguf::Value> parse_metadata_override(std::string_view text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || equals == 0) {
        refuse("--override-kv " + quoted(text) +
               ": expected KEY=TYPE:VALUE with TYPE one of int, float, bool, str");
    }
    if (equals > max_override_length) {
        refuse("--override-kv " + quoted(text) + ": the key is longer than 127 bytes");
    }
    const std::string key(text.substr(0, equals));
    if (key.starts_with("split.")) {
        refuse("--override-kv " + quoted(text) +
               ": the keys split.* follow from the files that are written (see --keep-split)");
    }
    const std::string_view typed = text.substr(equals + 1);
    const std::size_t colon = typed.find(':');
    const std::string_view type = typed.substr(0, colon);
    const std::string_view value =
        colon == std::string_view::npos ? std::string_view() : typed.substr(colon + 1);
    if (colon != std::string_view::npos) {
        if (type == "int") return {key, integer_value(value, text)};
        if (type == "float") return {key, real_value(value, text)};
        if (type == "bool") {
            if (value == "true" || value == "false") return {key, gguf::Value::of(value == "true")};
            refuse("--override-kv " + quoted(text) + ": a bool is true or false");
        }
        if (type == "str") {
            if (value.size() <= max_override_length) return {key, gguf::Value::of(value)};
            refuse("--override-kv " + quoted(text) + ": the text is longer than 127 bytes");
        }
    }
    refuse("--override-kv " + quoted(text) + ": the type is one of int:, float:, bool:, str:");
}

unsigned parse_thread_count(std::string_view text) {
    // More threads than any machine has cores only cost memory.
    constexpr long max_threads = 1024;
    long count = 0;
    if (!read_number(text, count)) {
        refuse("number of threads " + quoted(text) + ": not a whole number");
    }
    return static_cast<unsigned>(std::clamp(count, 0L, max_threads));
}

std::filesystem::path default_output(const std::filesystem::path& input, std::string_view recipe,
                                     bool keep_split) {
    const Recipe& known = parse_recipe_option(recipe);
    return input.parent_path() /
           ("ggml-model-" + std::string(known.name) + (keep_split ? "" : ".gguf"));
}

}  // namespace quantize

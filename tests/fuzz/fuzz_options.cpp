// Any text as the value of an option, or as a file of rules: an Error of kind usage, or a value
// that keeps its promises. The first byte picks the option.
#include <algorithm>

#include "file_in_memory.h"
#include "quantize/option_text.h"
#include "recipe/name_pattern.h"
#include "require.h"

namespace {

using namespace quantize;
using fuzz::require;

void check_override(const TypeOverride& rule) {
    require(!rule.pattern.empty() && rule.pattern.size() <= 1000);
    require(std::ranges::none_of(rule.pattern, [](char c) { return c >= 'A' && c <= 'Z'; }));
    require(find_type(static_cast<std::uint32_t>(rule.type)) != nullptr);
    // As it is used, on names that invite to backtrack.
    const NamePattern pattern(rule.pattern);
    for (const char* name :
         {"", "blk.0.attn_v.weight", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
        static_cast<void>(pattern.is_found_in(name));
}

void check_metadata_override(std::string_view text) {
    const auto [key, value] = parse_metadata_override(text);
    require(!key.empty() && key.size() <= 127 && text.starts_with(key));
    require(value.to_text().size() < 2000);
    require(value.as_unsigned() || value.as_real() || value.as_bool() || value.as_string());
}

void check_layers(std::string_view text) {
    const auto layers = parse_layer_list(text);
    require(!layers.empty());
    require(std::ranges::adjacent_find(layers, std::greater_equal<>()) == layers.end());
}

void check_rule_file(std::span<const std::uint8_t> bytes) {
    static const fuzz::FileInMemory file;
    file.set_content(bytes);
    for (const TypeOverride& rule : read_type_override_file(file.path()))
        check_override(rule);
}

void check(fuzz::Input input) {
    const unsigned option = input.byte();
    const std::string_view text = input.rest_as_text();
    switch (option % 7) {
        case 0:
            return check_override(parse_type_override(text));
        case 1:
            return check_metadata_override(text);
        case 2:
            return check_layers(text);
        case 3:
            return require(parse_thread_count(text) <= 1024);
        case 4:
            return require(!parse_recipe_option(text).name.empty());
        case 5:
            return require(!type_name(parse_type_option(text)).empty());
        default:
            return check_rule_file(input.rest());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    try {
        check(fuzz::Input(data, size));
    } catch (const Error& error) {
        require(error.kind() == ErrorKind::usage);
        fuzz::require_printable(error);
    }
    return 0;
}

// Layer numbers in names: the digits of the first "blk.N." anywhere in the name.
#include "pipeline/layers.h"

#include <algorithm>
#include <charconv>

namespace quantize::pipeline {
namespace {

struct LayerDigits {
    std::size_t at = 0;
    std::size_t length = 0;
    std::uint32_t number = 0;
};

std::optional<LayerDigits> find_layer(std::string_view name) {
    constexpr std::string_view prefix = "blk.";
    for (std::size_t at = name.find(prefix); at != std::string_view::npos;
         at = name.find(prefix, at + 1)) {
        const char* first = name.data() + at + prefix.size();
        const char* last = name.data() + name.size();
        std::uint32_t number = 0;
        const auto [end, error] = std::from_chars(first, last, number);
        if (error == std::errc{} && end != last && *end == '.') {
            return LayerDigits{at + prefix.size(), static_cast<std::size_t>(end - first), number};
        }
    }
    return std::nullopt;
}

}  // namespace

LayerMap::LayerMap(std::span<const std::uint32_t> pruned, std::span<const std::string_view> names) {
    if (pruned.empty()) return;
    prunes_ = true;
    for (const std::string_view name : names) {
        if (const auto layer = find_layer(name)) numbers_[layer->number];
    }
    for (auto& [old_number, new_number] : numbers_) {
        if (std::ranges::binary_search(pruned, old_number)) continue;
        new_number = old_number < pruned.front() ? old_number : next_;
        next_ = *new_number + 1;
    }
}

std::optional<std::string> LayerMap::rename(const std::string& name) const {
    const auto layer = prunes_ ? find_layer(name) : std::nullopt;
    if (!layer) return name;
    const std::optional<std::uint32_t> number = numbers_.at(layer->number);
    if (!number) return std::nullopt;
    return std::string(name).replace(layer->at, layer->length, std::to_string(*number));
}

}  // namespace quantize::pipeline

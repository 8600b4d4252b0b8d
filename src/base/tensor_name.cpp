// What the order of choice needs to know of a tensor's name: the layer that it states.
#include <algorithm>
#include <climits>
#include <cstdint>

#include "quantize/recipe.h"

namespace quantize {
namespace {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

}  // namespace

int layer_of(std::string_view tensor_name) {
    constexpr std::string_view prefix = "blk.";
    if (!tensor_name.starts_with(prefix)) return -1;
    tensor_name.remove_prefix(prefix.size());
    // As C's "%d" reads it, since the reference's order rests on that.
    while (!tensor_name.empty() && is_space(tensor_name.front()))
        tensor_name.remove_prefix(1);
    const bool negative = tensor_name.starts_with('-');
    if (negative || tensor_name.starts_with('+')) tensor_name.remove_prefix(1);
    if (tensor_name.empty() || !is_digit(tensor_name.front())) return -1;
    std::int64_t number = 0;
    for (char c : tensor_name) {
        if (!is_digit(c)) break;
        number = std::min<std::int64_t>(number * 10 + (c - '0'), INT_MAX);
    }
    return static_cast<int>(negative ? -number : number);
}

bool chosen_before(std::string_view name, std::string_view other) {
    const int layer = layer_of(name);
    const int other_layer = layer_of(other);
    return layer != other_layer ? layer < other_layer : name < other;
}

}  // namespace quantize

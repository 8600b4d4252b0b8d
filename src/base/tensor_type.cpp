// Types by name.
#include "quantize/tensor_type.h"

#include <algorithm>

namespace quantize {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::optional<TensorType> parse_tensor_type(std::string_view name) {
    for (const TypeInfo& info : tensor_types) {
        if (std::ranges::equal(info.name, name, {}, lower, lower)) return info.type;
    }
    return std::nullopt;
}

}  // namespace quantize

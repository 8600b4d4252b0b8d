// The key that says at which multiples tensors start.
#pragma once

#include <cstdint>
#include <string_view>

#include "quantize/gguf.h"

namespace quantize::gguf {

inline constexpr std::string_view alignment_key = "general.alignment";

/// The alignment that `value` states; throws Error when it is no integer, no power of two,
/// or beyond the limit.
std::uint32_t alignment_of(const Value& value);

}  // namespace quantize::gguf

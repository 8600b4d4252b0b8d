// What a tensor is for, read from its name: its role in the rules of a recipe, and whether it
// may be quantized at all.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace quantize::recipe {

/// Broad classes of tensors; an architecture's own names do not matter beyond these.
enum class Role : std::uint32_t {
    token_embedding,
    output,
    attention_q,
    attention_k,
    attention_v,
    attention_qkv,   ///< queries, keys and values in one matrix
    attention_kv_b,  ///< the second factor of compressed keys and values
    attention_output,
    ffn_up,
    ffn_gate,
    ffn_down,
    other,
};

Role role_of(std::string_view tensor_name);

/// Roles that carry the attention's values; they suffer most from few bits and count as one class.
constexpr bool carries_values(Role role) {
    return role == Role::attention_v || role == Role::attention_qkv || role == Role::attention_kv_b;
}

/// Why a tensor of this name and shape is never quantized, for people; empty when it may be.
std::string_view reason_to_keep(std::string_view tensor_name,
                                const std::array<std::uint64_t, 4>& shape);

}  // namespace quantize::recipe

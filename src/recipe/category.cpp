// The tables of names behind roles and behind what is never quantized.
#include "recipe/category.h"

namespace quantize::recipe {
namespace {

struct NamedRole {
    std::string_view part;
    Role role;
};

/// The first part that occurs in a name decides.
constexpr NamedRole named_roles[] = {
    {"attn_qkv.weight", Role::attention_qkv},
    {"attn_kv_b.weight", Role::attention_kv_b},
    {"attn_v.weight", Role::attention_v},
    {"attn_k.weight", Role::attention_k},
    {"attn_q.weight", Role::attention_q},
    {"attn_output.weight", Role::attention_output},
    {"ffn_up", Role::ffn_up},
    {"ffn_gate", Role::ffn_gate},
    {"ffn_down", Role::ffn_down},
};

constexpr std::string_view positions = "position embeddings and token types are kept";
constexpr std::string_view router = "expert routing is kept";
constexpr std::string_view convolution = "small convolution weights are kept";
constexpr std::string_view recurrent = "small recurrent weights are kept";
constexpr std::string_view small = "small and sensitive weights are kept";
constexpr std::string_view vision = "position and patch weights of images are kept";
constexpr std::string_view codebook = "audio codebooks are kept";

struct KeptName {
    std::string_view part;
    std::string_view reason;
};

/// Tensors whose name is one of these in full.
constexpr KeptName kept_names[] = {
    {"position_embd.weight", positions},
    {"token_types.weight", positions},
};

/// Tensors whose name contains one of these.
constexpr KeptName kept_parts[] = {
    {"_norm.weight", "norms are kept"},
    {"ffn_gate_inp.weight", router},
    {"ffn_gate_tid2eid.weight", router},
    {"altup", small},
    {"laurel", small},
    {"per_layer_model_proj", small},
    {"ssm_conv1d", convolution},
    {"shortconv.conv.weight", convolution},
    {"indexer.k_proj.weight", small},
    {"indexer.q_proj.weight", small},
    {"time_mix_first.weight", recurrent},
    {"time_mix_w0.weight", recurrent},
    {"time_mix_w1.weight", recurrent},
    {"time_mix_w2.weight", recurrent},
    {"time_mix_v0.weight", recurrent},
    {"time_mix_v1.weight", recurrent},
    {"time_mix_v2.weight", recurrent},
    {"time_mix_a0.weight", recurrent},
    {"time_mix_a1.weight", recurrent},
    {"time_mix_a2.weight", recurrent},
    {"time_mix_g1.weight", recurrent},
    {"time_mix_g2.weight", recurrent},
    {"time_mix_decay_w1.weight", recurrent},
    {"time_mix_decay_w2.weight", recurrent},
    {"time_mix_lerp_fused.weight", recurrent},
    {"attn_rel_b.weight", positions},
    {".position_embd", vision},
    {"sam.pos_embd", vision},
    {"sam.neck.", vision},
    {"sam.net_", vision},
    {".rel_pos", vision},
    {".patch_embd", vision},
    {".patch_merger", vision},
    {"a.rvq.codebook", codebook},
    {"mm.a.code_embd", codebook},
};

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

}  // namespace

Role role_of(std::string_view tensor_name) {
    if (tensor_name == "output.weight") return Role::output;
    if (tensor_name == "token_embd.weight" || tensor_name == "per_layer_token_embd.weight") {
        return Role::token_embedding;
    }
    for (const NamedRole& named : named_roles) {
        if (contains(tensor_name, named.part)) return named.role;
    }
    return Role::other;
}

std::string_view reason_to_keep(std::string_view tensor_name,
                                const std::array<std::uint64_t, 4>& shape) {
    if (shape[1] == 1 && shape[2] == 1 && shape[3] == 1) return "vectors are kept";
    if (!tensor_name.ends_with("weight")) return "only tensors named *weight are quantized";
    for (const KeptName& kept : kept_names) {
        if (tensor_name == kept.part) return kept.reason;
    }
    for (const KeptName& kept : kept_parts) {
        if (contains(tensor_name, kept.part)) return kept.reason;
    }
    return {};
}

}  // namespace quantize::recipe

// Writes models to test with: llama-like names, weights that look like weights.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "gguf_builder.h"

namespace quantize::test {

/// A model of F32 tensors.
class ModelBuilder {
 public:
    explicit ModelBuilder(std::uint32_t layers = 2) {
        file_.key("general.architecture", 8, raw_string("llama"))
            .key("llama.block_count", 4, raw(layers))
            .key("llama.attention.head_count", 4, raw(std::uint32_t{8}))
            .key("llama.attention.head_count_kv", 4, raw(std::uint32_t{2}));
    }

    GgufBuilder& file() { return file_; }

    /// Adds a tensor of random weights.
    ModelBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& shape) {
        std::uint64_t elems = 1;
        for (const std::uint64_t extent : shape)
            elems *= extent;
        std::vector<float> values(elems);
        std::normal_distribution<float> normal(0, 0.02f);
        for (float& value : values)
            value = normal(random_);
        return tensor(name, shape, values);
    }

    ModelBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
                         const std::vector<float>& values) {
        return append(name, shape, 0, values);
    }
    /// Adds one of F16 values.
    ModelBuilder& tensor(const std::string& name, const std::vector<std::uint64_t>& shape,
                         const std::vector<std::uint16_t>& halves) {
        return append(name, shape, 1, halves);
    }

    /// Two layers with every role that recipes know, rows of 256.
    ModelBuilder& usual_tensors(std::uint32_t layers = 2, std::uint64_t rows = 64) {
        tensor("token_embd.weight", {256, rows});
        for (std::uint32_t layer = 0; layer < layers; ++layer) {
            const std::string prefix = "blk." + std::to_string(layer) + ".";
            tensor(prefix + "attn_norm.weight", {256});
            for (const char* name :
                 {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_up", "ffn_gate", "ffn_down"}) {
                tensor(prefix + name + ".weight", {256, rows});
            }
        }
        return tensor("output_norm.weight", {256}).tensor("output.weight", {256, rows});
    }

    std::filesystem::path write(const std::filesystem::path& path) {
        std::ofstream stream(path, std::ios::binary);
        file_.data.resize((file_.data.size() + 31) / 32 * 32);
        stream << file_.file();
        return path;
    }

 private:
    template <class Value>
    ModelBuilder& append(const std::string& name, const std::vector<std::uint64_t>& shape,
                         std::uint32_t type, const std::vector<Value>& values) {
        file_.data.resize((file_.data.size() + 31) / 32 * 32);
        file_.tensor(name, shape, type, file_.data.size());
        file_.data.append(reinterpret_cast<const char*>(values.data()),
                          values.size() * sizeof(Value));
        return *this;
    }

    GgufBuilder file_;
    std::mt19937 random_{42};
};

}  // namespace quantize::test

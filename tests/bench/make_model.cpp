// Writes a llama-architecture GGUF in F16 with random weights, and an importance matrix for it:
// what scripts/compare.py times whole programs with.
//
//   make_model WEIGHTS model.gguf model.imatrix.dat
//
// WEIGHTS is rounded up to whole layers. The weights are Gaussian with a scale per row and one
// outlier in a thousand; the importance is log-normal. Both are the same on every run.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "quantize/error.h"
#include "quantize/format.h"
#include "quantize/gguf.h"

namespace {

using namespace quantize;

constexpr std::uint32_t embedding = 2048;
constexpr std::uint32_t feed_forward = 4096;
constexpr std::uint32_t heads = 32;
constexpr std::uint32_t kv_heads = 8;
constexpr std::uint32_t vocabulary = 8192;
constexpr std::uint32_t kv_width = embedding / heads * kv_heads;
constexpr std::uint64_t layer_elems =
    std::uint64_t{embedding} * (2 * embedding + 2 * kv_width + 3 * feed_forward);

gguf::TensorInfo tensor(const std::string& name, std::uint64_t cols, std::uint64_t rows) {
    gguf::TensorInfo info;
    info.name = name + ".weight";
    info.dims = rows == 1 ? 1 : 2;
    info.shape = {cols, rows, 1, 1};
    info.type = rows == 1 ? TensorType::F32 : TensorType::F16;
    return info;
}

gguf::Document describe(std::uint32_t layers) {
    gguf::Document model;
    const auto number = [&](const std::string& key, std::uint32_t value) {
        model.set("llama." + key, gguf::Value::of(value));
    };
    model.set("general.architecture", gguf::Value::of("llama"));
    model.set("general.name", gguf::Value::of("synthetic"));
    model.set("general.file_type", gguf::Value::of(std::uint32_t{1}));
    number("context_length", 2048);
    number("embedding_length", embedding);
    number("block_count", layers);
    number("feed_forward_length", feed_forward);
    number("attention.head_count", heads);
    number("attention.head_count_kv", kv_heads);
    model.set("llama.attention.layer_norm_rms_epsilon", gguf::Value::of(1e-5F));
    number("rope.dimension_count", embedding / heads);
    number("vocab_size", vocabulary);

    model.tensors.push_back(tensor("token_embd", embedding, vocabulary));
    for (std::uint32_t layer = 0; layer < layers; ++layer) {
        const std::string name = "blk." + std::to_string(layer) + ".";
        model.tensors.push_back(tensor(name + "attn_norm", embedding, 1));
        model.tensors.push_back(tensor(name + "attn_q", embedding, embedding));
        model.tensors.push_back(tensor(name + "attn_k", embedding, kv_width));
        model.tensors.push_back(tensor(name + "attn_v", embedding, kv_width));
        model.tensors.push_back(tensor(name + "attn_output", embedding, embedding));
        model.tensors.push_back(tensor(name + "ffn_norm", embedding, 1));
        model.tensors.push_back(tensor(name + "ffn_gate", embedding, feed_forward));
        model.tensors.push_back(tensor(name + "ffn_up", embedding, feed_forward));
        model.tensors.push_back(tensor(name + "ffn_down", feed_forward, embedding));
    }
    model.tensors.push_back(tensor("output_norm", embedding, 1));
    model.tensors.push_back(tensor("output", embedding, vocabulary));
    return model;
}

template <class T>
void put(std::ofstream& out, std::span<const T> items) {
    out.write(reinterpret_cast<const char*>(items.data()),
              static_cast<std::streamsize>(items.size_bytes()));
}

void put_int(std::ofstream& out, std::size_t value) {
    const auto number = static_cast<std::int32_t>(value);
    put(out, std::span(&number, 1));
}

void write_weights(std::ofstream& out, const gguf::TensorInfo& info, std::mt19937& random) {
    std::normal_distribution<float> normal;
    std::vector<float> row(info.shape[0]);
    std::vector<std::byte> encoded(row_bytes(info.type, row.size()));
    for (std::uint64_t r = 0; r < info.rows(); ++r) {
        const float scale = 0.02F * std::exp(0.3F * normal(random));
        for (float& value : row) {
            value = scale * normal(random) * (random() % 1000 == 0 ? 6.0F : 1.0F);
        }
        encode_rows(info.type, row, static_cast<std::int64_t>(row.size()), {}, encoded);
        put(out, std::span<const std::byte>(encoded));
    }
}

void write_model(const std::string& path, gguf::Document& model) {
    const std::uint64_t size = gguf::layout(model);
    const std::string header = gguf::serialize(model);
    std::ofstream out(path, std::ios::binary);
    put(out, std::span<const char>(header));
    std::mt19937 random(1);
    for (const gguf::TensorInfo& info : model.tensors) {
        const auto at = static_cast<std::uint64_t>(out.tellp());
        out << std::string(model.data_offset + info.offset - at, '\0');
        write_weights(out, info, random);
    }
    out << std::string(size - static_cast<std::uint64_t>(out.tellp()), '\0');
    if (!out.flush()) throw Error("cannot be written").in_file(path);
}

/// The legacy layout: entries of name, calls, and sums over the calls; then calls and data set.
void write_imatrix(const std::string& path, const gguf::Document& model) {
    std::vector<const gguf::TensorInfo*> weighted;
    for (const gguf::TensorInfo& info : model.tensors) {
        if (info.dims == 2) weighted.push_back(&info);
    }
    const std::string data_set = "synthetic";
    std::ofstream out(path, std::ios::binary);
    std::mt19937 random(2);
    std::normal_distribution<float> normal(0.0F, 1.2F);
    put_int(out, weighted.size());
    for (const gguf::TensorInfo* info : weighted) {
        std::vector<float> sums(info->shape[0]);
        for (float& sum : sums)
            sum = std::exp(normal(random));
        put_int(out, info->name.size());
        put(out, std::span<const char>(info->name));
        put_int(out, 1);
        put_int(out, sums.size());
        put(out, std::span<const float>(sums));
    }
    put_int(out, 1);
    put_int(out, data_set.size());
    put(out, std::span<const char>(data_set));
    if (!out.flush()) throw Error("cannot be written").in_file(path);
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t wanted = argc == 4 ? std::strtoull(argv[1], nullptr, 10) : 0;
    if (wanted == 0) {
        std::fprintf(stderr, "usage: make_model WEIGHTS model.gguf model.imatrix.dat\n");
        return 2;
    }
    const std::uint64_t outside = std::uint64_t{2} * embedding * vocabulary;
    const std::uint64_t inside = wanted > outside ? wanted - outside : 1;
    try {
        gguf::Document model =
            describe(static_cast<std::uint32_t>((inside + layer_elems - 1) / layer_elems));
        write_model(argv[2], model);
        write_imatrix(argv[3], model);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "make_model: %s\n", error.what());
        return 1;
    }
    return 0;
}

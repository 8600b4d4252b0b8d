// Builds GGUF files byte by byte, sound or not, without the code under test.
#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace quantize::test {

/// The bytes of a number as this (little-endian) machine stores it.
template <class T>
std::string raw(T value) {
    static_assert(std::is_arithmetic_v<T> && std::endian::native == std::endian::little);
    return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

inline std::string raw_string(std::string_view text) {
    return raw(std::uint64_t{text.size()}).append(text);
}

inline std::string raw_array(std::uint32_t element_type, std::uint64_t count,
                             std::string_view elements) {
    return raw(element_type).append(raw(count)).append(elements);
}

struct RawTensor {
    std::string name;
    std::vector<std::uint64_t> shape;
    std::uint32_t type = 0;  // F32
    std::uint64_t offset = 0;
};

/// Everything as stated, nothing checked; the counts follow unless set.
struct GgufBuilder {
    std::string magic = "GGUF";
    std::uint32_t version = 3;
    std::uint64_t alignment = 32;
    std::vector<std::pair<std::string, std::string>> keys;  // name, type and payload
    std::vector<RawTensor> tensors;
    std::uint64_t extra_keys = 0;  // stated but not there
    std::uint64_t extra_tensors = 0;
    std::string data;

    GgufBuilder& key(std::string name, std::uint32_t type, std::string_view payload) {
        keys.emplace_back(std::move(name), raw(type).append(payload));
        return *this;
    }
    GgufBuilder& tensor(std::string name, std::vector<std::uint64_t> shape, std::uint32_t type,
                        std::uint64_t offset) {
        tensors.push_back({std::move(name), std::move(shape), type, offset});
        return *this;
    }
    GgufBuilder& bytes_of_data(std::size_t count) {
        data.assign(count, '\x5a');
        return *this;
    }

    std::string header() const {
        std::string out = magic;
        out += raw(version);
        out += raw(tensors.size() + extra_tensors);
        out += raw(keys.size() + extra_keys);
        for (const auto& [name, value] : keys)
            out += raw_string(name).append(value);
        for (const RawTensor& tensor : tensors) {
            out += raw_string(tensor.name);
            out += raw(static_cast<std::uint32_t>(tensor.shape.size()));
            for (const std::uint64_t extent : tensor.shape)
                out += raw(extent);
            out += raw(tensor.type);
            out += raw(tensor.offset);
        }
        return out;
    }

    std::string file() const {
        std::string out = header();
        while (out.size() % alignment != 0)
            out.push_back('\0');
        return out + data;
    }
};

inline std::span<const std::byte> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// A small sound model: five keys of various types and two tensors of 128 and 4096 bytes.
inline GgufBuilder small_model() {
    GgufBuilder file;
    file.key("general.architecture", 8, raw_string("llama"))
        .key("llama.block_count", 4, raw(std::uint32_t{1}))
        .key("tokens", 9, raw_array(8, 2, raw_string("a") + raw_string("bc")))
        .key("scores", 9, raw_array(6, 2, raw(1.0f) + raw(-2.5f)))
        .key("flag", 7, std::string(1, '\1'))
        .tensor("norm.weight", {32}, 0, 0)
        .tensor("blk.0.weight", {64, 16}, 0, 128)
        .bytes_of_data(128 + 4096);
    return file;
}

}  // namespace quantize::test

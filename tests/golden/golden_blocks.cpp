// Reads manifests of golden blocks.
#include "golden_blocks.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace quantize::test {

std::string GoldenCase::name() const {
    return input + " as " + std::string(type_name(type)) +
           (weights.empty() ? "" : " with " + weights);
}

std::vector<std::byte> read_bytes(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + file.string());
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
    return {begin, begin + text.size()};
}

std::vector<float> read_floats(const std::filesystem::path& file) {
    const std::vector<std::byte> bytes = read_bytes(file);
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
    return values;
}

GoldenFolder load_golden(const std::filesystem::path& path) {
    std::ifstream in(path / "manifest.json");
    const nlohmann::json manifest = nlohmann::json::parse(in);
    GoldenFolder folder{path, {}};
    for (const nlohmann::json& entry : manifest.at("cases")) {
        GoldenCase golden;
        golden.input = entry.at("input");
        if (!entry.at("imatrix").is_null()) golden.weights = entry.at("imatrix");
        golden.rows = entry.at("nrows");
        golden.cols = entry.at("ncols");
        golden.type = static_cast<TensorType>(entry.at("type_id").get<std::uint32_t>());
        golden.aborts = entry.at("status") == "aborts";
        if (!golden.aborts) {
            golden.expected = entry.value("expected", "");
            golden.expected_sha256 = entry.at("sha256_expected");
            golden.decoded_sha256 = entry.at("sha256_dequantized");
            golden.valid = entry.at("valid");
        }
        folder.cases.push_back(std::move(golden));
    }
    return folder;
}

}  // namespace quantize::test

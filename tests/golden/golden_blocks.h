// The reference's blocks for fixed inputs: what the manifest of a folder of golden data says.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "quantize/tensor_type.h"

namespace quantize::test {

/// One combination of input, type and importance weights.
struct GoldenCase {
    std::string input;    ///< file of binary32, relative to the folder
    std::string weights;  ///< file of `cols` binary32; empty for none
    std::int64_t rows = 0;
    std::int64_t cols = 0;
    TensorType type = TensorType::F32;
    bool aborts = false;          ///< the reference ends the process
    std::string expected;         ///< file of blocks; empty where only the hash is kept
    std::string expected_sha256;  ///< of the blocks
    std::string decoded_sha256;   ///< of the decoded binary32, each NaN as 0x7FC00000
    bool valid = true;            ///< the reference's own check accepts the blocks

    std::string name() const;
};

struct GoldenFolder {
    std::filesystem::path path;
    std::vector<GoldenCase> cases;
};

/// The cases below `path`, which holds manifest.json.
GoldenFolder load_golden(const std::filesystem::path& path);

std::vector<float> read_floats(const std::filesystem::path& file);
std::vector<std::byte> read_bytes(const std::filesystem::path& file);

}  // namespace quantize::test

// Reads any bytes as an importance matrix and holds what comes out against what model/imatrix.h
// promises; shared by the programs for its two forms.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "file_in_memory.h"
#include "model/imatrix.h"
#include "require.h"

namespace quantize::fuzz {

/// A tensor to ask the matrix about.
struct AskedTensor {
    std::string name;
    std::array<std::uint64_t, 4> shape{1, 1, 1, 1};
};

inline void ask(const model::ImportanceMatrix& matrix, const AskedTensor& tensor) {
    expect_error_or_nothing([&] {
        const std::vector<float> weights = matrix.weights(tensor.name, tensor.shape);
        require(weights.empty() || weights.size() == tensor.shape[0] * tensor.shape[2]);
        require(weights.empty() || matrix.contains(tensor.name));
        for (const float weight : weights)
            require(std::isfinite(weight) && weight >= 0);
    });
}

inline void read_as_imatrix(std::span<const std::uint8_t> bytes,
                            const std::vector<AskedTensor>& tensors) {
    static const FileInMemory file;
    static const std::vector<model::ImatrixFilter> filters{
        {}, {.include = {"ffn"}, .exclude = {}}, {.include = {}, .exclude = {"blk.0"}}};
    file.set_content(bytes);
    for (const model::ImatrixFilter& filter : filters) {
        expect_error_or_nothing([&] {
            const auto matrix = model::ImportanceMatrix::open(file.path(), filter);
            for (const auto& [key, value] : matrix.provenance())
                require(value.to_text().size() < 2000);
            for (const AskedTensor& tensor : tensors)
                ask(matrix, tensor);
        });
    }
}

}  // namespace quantize::fuzz

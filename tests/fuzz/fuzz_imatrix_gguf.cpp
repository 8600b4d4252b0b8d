// Any bytes as an importance matrix of the GGUF form. The magic number is given, so that no input
// is wasted on finding it.
#include <algorithm>
#include <cstring>

#include "imatrix_reading.h"
#include "quantize/gguf.h"

namespace {

using quantize::fuzz::AskedTensor;

/// The tensors that the entries are for, in the shape that their sums have.
std::vector<AskedTensor> entries(std::span<const std::uint8_t> bytes) {
    constexpr std::string_view suffix = ".in_sum2";
    std::vector<AskedTensor> tensors;
    quantize::fuzz::expect_error_or_nothing([&] {
        const auto document = quantize::gguf::parse(std::as_bytes(bytes), bytes.size());
        for (const quantize::gguf::TensorInfo& tensor : document->tensors) {
            if (!tensor.name.ends_with(suffix)) continue;
            tensors.push_back({tensor.name.substr(0, tensor.name.size() - suffix.size()),
                               {tensor.shape[0], 1, tensor.shape[1], 1}});
        }
    });
    return tensors;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::uint8_t> bytes(data, data + size);
    constexpr std::string_view magic = "GGUF";
    bytes.resize(std::max(bytes.size(), magic.size()));
    std::memcpy(bytes.data(), magic.data(), magic.size());
    quantize::fuzz::read_as_imatrix(bytes, entries(bytes));
    return 0;
}

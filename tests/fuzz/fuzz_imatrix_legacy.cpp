// Any bytes as an importance matrix of the older .dat form, which has no magic number.
#include <algorithm>
#include <cstring>

#include "imatrix_reading.h"

namespace {

using quantize::fuzz::AskedTensor;

std::uint32_t number_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    std::uint32_t number = 0;
    if (at <= bytes.size() && bytes.size() - at >= sizeof number) {
        std::memcpy(&number, bytes.data() + at, sizeof number);
    }
    return number;
}

/// The tensor that the first entry is for: name length at byte 4, the name, calls, values.
AskedTensor first_entry(std::span<const std::uint8_t> bytes) {
    AskedTensor tensor;
    if (bytes.size() < 8) return tensor;
    const std::size_t length = std::min<std::size_t>(number_at(bytes, 4), bytes.size() - 8);
    tensor.name.assign(reinterpret_cast<const char*>(bytes.data()) + 8, length);
    tensor.name = tensor.name.c_str();
    tensor.shape[0] = number_at(bytes, 8 + length + 4);
    return tensor;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::span bytes(data, size);
    if (size >= 4 && std::memcmp(data, "GGUF", 4) == 0) return 0;
    quantize::fuzz::read_as_imatrix(bytes,
                                    {first_entry(bytes), {"token_embd.weight", {64, 1, 1, 1}}});
    return 0;
}

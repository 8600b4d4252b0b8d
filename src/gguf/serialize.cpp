// From a Document to a header: where every tensor goes, and the bytes.
#include <algorithm>

#include "base/bytes.h"
#include "quantize/error.h"
#include "quantize/gguf.h"

namespace quantize::gguf {
namespace {

constexpr std::uint32_t written_version = 3;
constexpr std::uint64_t fixed_header_bytes = 4 + 4 + 8 + 8;

/// Dimensions as ggml writes them: without trailing ones, but at least one.
unsigned written_dims(const TensorInfo& tensor) {
    unsigned dims = max_dims;
    while (dims > 1 && tensor.shape[dims - 1] <= 1)
        --dims;
    return dims;
}

std::uint64_t header_bytes(const Document& document) {
    std::uint64_t bytes = fixed_header_bytes;
    for (const KeyValue& entry : document.metadata) {
        bytes += 8 + entry.key.size() + 4 + entry.value.encoded().size();
    }
    for (const TensorInfo& tensor : document.tensors) {
        bytes += 8 + tensor.name.size() + 4 + std::uint64_t{8} * written_dims(tensor) + 4 + 8;
    }
    return bytes;
}

std::uint64_t round_up(std::uint64_t value, std::uint64_t alignment) {
    const auto rounded = checked_round_up(value, alignment);
    if (!rounded) throw Error("the output would exceed 64 bits in size");
    return *rounded;
}

void append_string(std::string& out, std::string_view text) {
    append_le(out, std::uint64_t{text.size()});
    out += text;
}

void append_tensor(std::string& out, const TensorInfo& tensor) {
    append_string(out, tensor.name);
    const unsigned dims = written_dims(tensor);
    append_le(out, std::uint32_t{dims});
    for (unsigned i = 0; i < dims; ++i)
        append_le(out, tensor.shape[i]);
    append_le(out, static_cast<std::uint32_t>(tensor.type));
    append_le(out, tensor.offset);
}

}  // namespace

std::uint64_t layout(Document& document) {
    document.data_offset = round_up(header_bytes(document), document.alignment);
    std::uint64_t offset = 0;
    for (TensorInfo& tensor : document.tensors) {
        tensor.offset = offset;
        const auto end = checked_add(offset, tensor.bytes());
        if (!end) throw Error("the output would exceed 64 bits in size");
        offset = round_up(*end, document.alignment);
    }
    const auto file_size = checked_add(document.data_offset, offset);
    if (!file_size) throw Error("the output would exceed 64 bits in size");
    return *file_size;
}

std::string serialize(const Document& document) {
    std::string out;
    out.reserve(static_cast<std::size_t>(std::max(document.data_offset, header_bytes(document))));
    out += "GGUF";
    append_le(out, written_version);
    append_le(out, std::uint64_t{document.tensors.size()});
    append_le(out, std::uint64_t{document.metadata.size()});
    for (const KeyValue& entry : document.metadata) {
        append_string(out, entry.key);
        append_le(out, static_cast<std::uint32_t>(entry.value.type()));
        out += entry.value.encoded();
    }
    for (const TensorInfo& tensor : document.tensors)
        append_tensor(out, tensor);
    if (out.size() > document.data_offset) {
        throw Error("the header changed after its layout was made");
    }
    out.resize(static_cast<std::size_t>(document.data_offset), '\0');
    return out;
}

}  // namespace quantize::gguf

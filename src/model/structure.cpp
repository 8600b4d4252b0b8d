// Looks at a file between its tensors.
#include "model/structure.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/bytes.h"
#include "quantize/error.h"

namespace quantize::model {
namespace {

/// Where the last tensor entry of the header ends.
std::uint64_t header_end(const gguf::Document& header) {
    std::uint64_t bytes = 4 + 4 + 8 + 8;
    for (const gguf::KeyValue& entry : header.metadata) {
        bytes += 8 + entry.key.size() + 4 + entry.value.encoded().size();
    }
    for (const gguf::TensorInfo& tensor : header.tensors) {
        bytes += 8 + tensor.name.size() + 4 + std::uint64_t{8} * tensor.dims + 4 + 8;
    }
    return bytes;
}

/// Every tensor starts where the one before it, padded, ends.
void check_offsets(const gguf::Document& header) {
    std::uint64_t expected = 0;
    for (const gguf::TensorInfo& tensor : header.tensors) {
        if (tensor.offset != expected) {
            throw Error("unexpected offset " + std::to_string(tensor.offset) +
                        ": llama.cpp refuses files whose tensors do not follow each other (" +
                        std::to_string(expected) + " is due)")
                .at(tensor_item(tensor.name));
        }
        // No overflow: the parser has held both against the size of the file.
        expected = *checked_round_up(expected + tensor.bytes(), header.alignment);
    }
}

/// Bytes from `start` to `end`, or to the end of the file when that comes first, are zero.
void check_zero(const io::InputFile& file, std::uint64_t start, std::uint64_t end) {
    std::array<std::byte, 4096> buffer{};
    end = std::min(end, file.size());
    while (start < end) {
        const auto count = std::min<std::uint64_t>(buffer.size(), end - start);
        const std::span<std::byte> part(buffer.data(), static_cast<std::size_t>(count));
        file.read_at(start, part);
        const auto odd = std::ranges::find_if(part, [](std::byte b) { return b != std::byte{0}; });
        if (odd != part.end()) {
            throw Error("unexpected padding: byte " +
                        std::to_string(start + static_cast<std::uint64_t>(odd - part.begin())) +
                        " is not zero");
        }
        start += count;
    }
}

void check_padding(const io::InputFile& file, const gguf::Document& header) {
    check_zero(file, header_end(header), header.data_offset);
    for (const gguf::TensorInfo& tensor : header.tensors) {
        const std::uint64_t end = header.data_offset + tensor.offset + tensor.bytes();
        try {
            check_zero(file, end, *checked_round_up(end, header.alignment));
        } catch (const Error& error) {
            throw error.at("after " + tensor_item(tensor.name));
        }
    }
}

}  // namespace

void check_structure(const TensorSource& source) {
    for (std::size_t i = 0; i < source.files().size(); ++i) {
        const io::InputFile& file = source.files()[i];
        with_file_context(file.path().string(), [&] {
            check_offsets(source.headers()[i]);
            check_padding(file, source.headers()[i]);
        });
    }
}

}  // namespace quantize::model

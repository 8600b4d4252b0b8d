// Any bytes as a GGUF file: parse() answers with an Error or with a document that holds what it
// promises, and what is written from that document is read back as the same.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "gguf/limits.h"
#include "gguf/split.h"
#include "quantize/error.h"
#include "quantize/gguf.h"
#include "require.h"

namespace {

using quantize::Error;
using quantize::fuzz::require;
namespace gguf = quantize::gguf;

std::span<const std::byte> as_bytes(const std::string& text) {
    return std::as_bytes(std::span(text));
}

void use_values(const gguf::Document& document) {
    for (const gguf::KeyValue& entry : document.metadata) {
        const gguf::Value& value = entry.value;
        require(gguf::value_type_name(value.type()) != "unknown");
        require(value.to_text().size() < 2000);
        std::uint64_t elements = 0;
        value.for_each_element([&](const gguf::Value& element) {
            require(element.to_text(20).size() < 2000);
            ++elements;
        });
        require(elements == value.element_count());
        require(document.find(entry.key) == &value);
    }
    try {
        gguf::shard_position(document);
    } catch (const Error&) {
        // Keys of the wrong kind; the reader of shards says so.
    }
}

void check_promises(const gguf::Document& document, std::uint64_t file_size) {
    std::uint64_t bytes = 0;
    for (const gguf::TensorInfo& tensor : document.tensors) {
        require(tensor.name.size() <= gguf::max_tensor_name_bytes);
        require(tensor.elems() > 0 && tensor.elems() == tensor.rows() * tensor.shape[0]);
        require(tensor.offset % document.alignment == 0);
        require(document.data_offset <= file_size);
        require(tensor.offset <= file_size - document.data_offset);
        require(tensor.bytes() <= file_size - document.data_offset - tensor.offset);
        bytes += tensor.bytes();
    }
    require(bytes <= file_size);  // no two tensors overlap
}

void check_round_trip(gguf::Document document) {
    const std::uint64_t file_size = gguf::layout(document);
    const std::string header = gguf::serialize(document);
    require(header.size() == document.data_offset && header.size() <= file_size);
    const auto again = gguf::parse(as_bytes(header), file_size);
    require(again.has_value());
    require(gguf::serialize(*again) == header);
    require(again->metadata.size() == document.metadata.size());
    for (std::size_t i = 0; i < document.metadata.size(); ++i) {
        require(again->metadata[i].value == document.metadata[i].value);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto bytes = std::as_bytes(std::span(data, size));
    // As a whole file, and as the beginning of ever larger ones.
    for (const std::uint64_t beyond :
         {std::uint64_t{0}, std::uint64_t{1} << 16, std::uint64_t{1} << 45}) {
        try {
            const auto document = gguf::parse(bytes, size + beyond);
            if (!document) {
                require(beyond != 0);
                continue;
            }
            use_values(*document);
            check_promises(*document, size + beyond);
            check_round_trip(*document);
        } catch (const Error& error) {
            quantize::fuzz::require_printable(error);
        }
    }
    return 0;
}

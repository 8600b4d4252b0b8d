// The growing prefix: most headers fit into the first reads, the largest take a few more.
#include "model/header.h"

#include <algorithm>
#include <memory>

#include "quantize/error.h"

namespace quantize::model {
namespace {

constexpr std::uint64_t first_read_bytes = std::uint64_t{1} << 20;

}  // namespace

gguf::Document read_header(const io::InputFile& file) {
    return with_file_context(file.path().string(), [&] {
        for (std::uint64_t wanted = first_read_bytes;; wanted *= 2) {
            const auto bytes = static_cast<std::size_t>(std::min(wanted, file.size()));
            // A new buffer each time: the old one is gone before, and nothing is copied or cleared.
            const auto prefix = std::make_unique_for_overwrite<std::byte[]>(bytes);
            file.read_at(0, {prefix.get(), bytes});
            auto document = gguf::parse({prefix.get(), bytes}, file.size());
            if (document) return std::move(*document);
            if (bytes == file.size()) throw Error("unexpected end of file inside the header");
        }
    });
}

}  // namespace quantize::model

// The growing prefix: most headers fit into the first reads, the largest take a few more. A header
// larger than the parser's limit, or than the file, makes parse() throw, so the loop ends.
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
        std::uint64_t wanted = first_read_bytes;
        for (;;) {
            const auto bytes = static_cast<std::size_t>(std::min(wanted, file.size()));
            // A new buffer each time: the old one is gone before, and nothing is copied or cleared.
            const auto prefix = std::make_unique_for_overwrite<std::byte[]>(bytes);
            file.read_at(0, {prefix.get(), bytes});
            std::uint64_t least_bytes = 0;
            auto document = gguf::parse({prefix.get(), bytes}, file.size(), &least_bytes);
            if (document) return std::move(*document);
            // The parser never wants more than its limit, so this neither overflows nor runs away.
            wanted = std::max(wanted * 2, least_bytes);
        }
    });
}

}  // namespace quantize::model

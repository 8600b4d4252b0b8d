// The older .dat form of importance matrices: no magic number, so that anything may turn up here.
#include <algorithm>
#include <array>
#include <span>

#include "base/bytes.h"
#include "model/imatrix_readers.h"

namespace quantize::model {
namespace {

/// Name length, one letter, calls, value count, one value.
constexpr std::uint64_t min_entry_bytes = 4 + 1 + 4 + 4 + 4;

/// Tensor names have at most 63 bytes; a longer one shows that this is some other file.
constexpr std::int32_t max_name_bytes = 255;

/// Says what the file looks like instead.
Error not_an_imatrix(const io::InputFile& file) {
    std::array<std::byte, 64> buffer{};
    const auto length =
        static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), file.size()));
    file.read_at(0, std::span(buffer).first(length));
    const std::string_view start(reinterpret_cast<const char*>(buffer.data()), length);
    std::string likeness = "it starts with '" + printable(start.substr(0, 16)) + "'";
    if (start.starts_with("version https://git-lfs")) {
        likeness = "it is a git-lfs pointer (run 'git lfs pull' in its repository)";
    } else if (start.starts_with('<')) {
        likeness = "it is a web page, so the download did not fetch the file";
    } else if (start.empty()) {
        likeness = "the file is empty";
    }
    return Error("not an importance matrix, neither GGUF nor the older .dat form: " + likeness +
                 "; give the file that llama-imatrix wrote");
}

std::string up_to_nul(std::string text) {
    text.resize(std::min(text.size(), text.find('\0')));
    return text;
}

}  // namespace

void LegacyImatrixReader::read(const io::InputFile& file, const ImatrixFilter& filter,
                               ImportanceMatrix& matrix) {
    LegacyImatrixReader(file, filter, matrix).read_all();
}

void LegacyImatrixReader::read_all() {
    if (remaining() < 4 + min_entry_bytes) throw not_an_imatrix(file_);
    const std::int32_t entries = take_number();
    const bool credible =
        entries > 0 && static_cast<std::uint64_t>(entries) <= remaining() / min_entry_bytes;
    if (!credible) throw not_an_imatrix(file_);
    matrix_.uncounted_ = ImportanceMatrix::Uncounted::sums;
    for (std::int32_t number = 1; number <= entries; ++number)
        read_entry(number);
    read_trailer();
}

void LegacyImatrixReader::read_entry(std::int32_t number) {
    const std::string ordinal = "entry " + std::to_string(number);
    const auto cut_short = [&] {
        return Error("the file is cut short; get a complete copy").at(ordinal);
    };
    if (remaining() < min_entry_bytes) throw cut_short();
    const std::int32_t name_length = take_number();
    if (name_length <= 0 || name_length > max_name_bytes) {
        if (number == 1) throw not_an_imatrix(file_);
        throw Error("has a name of " + std::to_string(name_length) +
                    " bytes, which cannot be; the file is damaged, get it anew")
            .at(ordinal);
    }
    if (remaining() < static_cast<std::uint64_t>(name_length) + 8) throw cut_short();
    const std::string name = up_to_nul(take_text(static_cast<std::uint64_t>(name_length)));
    const std::int32_t calls = take_number();
    const std::int32_t values = take_number();
    const std::uint64_t bytes = static_cast<std::uint64_t>(std::max(values, 0)) * sizeof(float);
    if (calls < 0 || values <= 0 || bytes > remaining()) {
        throw Error("says " + std::to_string(values) + " values of " + std::to_string(calls) +
                    " calls, but " + std::to_string(remaining()) +
                    " bytes are left; the file is cut short or damaged, get a complete copy")
            .at(quoted_entry(name));
    }
    ImportanceMatrix::Entry entry;
    entry.offset = at_;
    entry.values = static_cast<std::uint64_t>(values);
    entry.counts = {static_cast<float>(calls)};
    at_ += bytes;
    // Should a name come twice, the later entry stands, as in the reference.
    if (filter_.admits(name)) matrix_.entries_.insert_or_assign(name, std::move(entry));
}

/// Early files end after the entries, later ones tell the number of chunks and the data set.
void LegacyImatrixReader::read_trailer() {
    if (remaining() < 4) return;
    matrix_.chunk_count_ = static_cast<std::uint32_t>(std::max(take_number(), 0));
    if (remaining() < 4) return;
    const std::int32_t length = take_number();
    if (length <= 0 || static_cast<std::uint64_t>(length) > remaining()) return;
    // Only the beginning is recorded, so a giant claim is not believed in full.
    constexpr std::uint64_t enough = 4096;
    matrix_.datasets_.push_back(
        up_to_nul(take_text(std::min<std::uint64_t>(static_cast<std::uint64_t>(length), enough))));
}

std::int32_t LegacyImatrixReader::take_number() {
    std::array<std::byte, 4> bytes{};
    file_.read_at(at_, bytes);
    at_ += bytes.size();
    return load_le<std::int32_t>(bytes.data());
}

std::string LegacyImatrixReader::take_text(std::uint64_t length) {
    std::string text(static_cast<std::size_t>(length), '\0');
    file_.read_at(at_, std::as_writable_bytes(std::span(text)));
    at_ += length;
    return text;
}

}  // namespace quantize::model

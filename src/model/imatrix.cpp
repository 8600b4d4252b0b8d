// Lookup, normalisation and checks that both forms of importance matrices share.
#include "model/imatrix.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>

#include "base/bytes.h"
#include "model/imatrix_readers.h"
#include "quantize/error.h"

namespace quantize::model {
namespace {

/// Values read from the file at a time.
constexpr std::size_t piece_values = std::size_t{1} << 16;

/// The reference keeps strings in 128 bytes with a closing zero and records no more of them.
constexpr std::size_t max_recorded_bytes = 127;

constexpr std::size_t magic_bytes = 4;

gguf::Value recorded(std::string_view text) {
    return gguf::Value::of(text.substr(0, max_recorded_bytes));
}

bool is_token_embedding(std::string_view name) {
    return name == "token_embd.weight" || name == "per_layer_token_embd.weight";
}

bool contains_any(std::string_view name, const std::vector<std::string>& parts) {
    return std::ranges::any_of(
        parts, [&](const std::string& part) { return name.find(part) != std::string_view::npos; });
}

bool is_gguf(const io::InputFile& file) {
    std::array<std::byte, magic_bytes> start{};
    if (file.size() < start.size()) return false;
    file.read_at(0, start);
    return std::string_view(reinterpret_cast<const char*>(start.data()), start.size()) == "GGUF";
}

void load_floats(const io::InputFile& file, std::uint64_t offset, std::span<float> values) {
    file.read_at(offset, std::as_writable_bytes(values));
    if constexpr (std::endian::native != std::endian::little) {
        for (float& value : values)
            value = load_le<float>(&value);
    }
}

}  // namespace

bool ImatrixFilter::admits(std::string_view tensor_name) const {
    if (contains_any(tensor_name, exclude)) return false;
    return include.empty() || contains_any(tensor_name, include);
}

std::string quoted_entry(std::string_view name) {
    return "entry '" + printable(name) + "'";
}

ImportanceMatrix ImportanceMatrix::open(const std::string& path, const ImatrixFilter& filter) {
    return with_file_context(path, [&] {
        ImportanceMatrix matrix;
        matrix.path_ = path;
        matrix.file_.emplace(path);
        if (is_gguf(*matrix.file_)) {
            GgufImatrixReader::read(*matrix.file_, filter, matrix);
        } else {
            LegacyImatrixReader::read(*matrix.file_, filter, matrix);
        }
        matrix.check_entries();
        return matrix;
    });
}

bool ImportanceMatrix::contains(std::string_view tensor_name) const {
    return entries_.contains(tensor_name);
}

bool ImportanceMatrix::has_weights(std::string_view tensor_name,
                                   const std::array<std::uint64_t, 4>& shape) const {
    const auto found = entries_.find(tensor_name);
    if (found == entries_.end()) return false;
    if (found->second.values == shape[0] * shape[2]) return true;
    if (is_token_embedding(tensor_name)) return false;
    const std::string experts =
        shape[2] == 1 ? std::string() : " for each of " + std::to_string(shape[2]) + " experts";
    throw Error("has " + std::to_string(found->second.values) + " values where the tensor needs " +
                std::to_string(shape[0]) + experts +
                "; it was measured on another model, or leave it out with --exclude-weights " +
                printable(tensor_name))
        .at(quoted_entry(tensor_name))
        .in_file(path_);
}

std::vector<float> ImportanceMatrix::weights(std::string_view tensor_name,
                                             const std::array<std::uint64_t, 4>& shape) const {
    if (!has_weights(tensor_name, shape)) return {};
    return with_file_context(path_, [&] {
        const Entry& entry = entries_.find(tensor_name)->second;
        std::vector<float> weights(static_cast<std::size_t>(entry.values));
        read_weights(entry, 0, weights);
        return weights;
    });
}

void ImportanceMatrix::read_weights(const Entry& entry, std::uint64_t first,
                                    std::span<float> weights) const {
    load_floats(*file_, entry.offset + first * sizeof(float), weights);
    const std::uint64_t part = entry.values / entry.counts.size();
    for (std::uint64_t at = first; !weights.empty();) {
        const auto length =
            static_cast<std::size_t>(std::min<std::uint64_t>(part - at % part, weights.size()));
        const std::span<float> counted_together = weights.first(length);
        const float count = entry.counts[static_cast<std::size_t>(at / part)];
        if (count > 0) {
            for (float& weight : counted_together)
                weight /= count;
        } else if (uncounted_ == Uncounted::ones) {
            std::ranges::fill(counted_together, 1.0f);
        }
        weights = weights.subspan(length);
        at += length;
    }
}

void ImportanceMatrix::check_entries() const {
    std::vector<float> piece;
    for (const auto& [name, entry] : entries_) {
        for (std::uint64_t first = 0; first < entry.values; first += piece.size()) {
            piece.resize(static_cast<std::size_t>(
                std::min<std::uint64_t>(piece_values, entry.values - first)));
            read_weights(entry, first, piece);
            const auto bad = std::ranges::find_if(
                piece, [](float weight) { return !std::isfinite(weight) || weight < 0; });
            if (bad == piece.end()) continue;
            throw Error("value " + std::to_string(first + (bad - piece.begin())) + " is " +
                        (std::isfinite(*bad) ? "negative" : "not a finite number") +
                        ", which no measurement gives; make the matrix anew, or leave the entry "
                        "out with --exclude-weights " +
                        printable(name))
                .at(quoted_entry(name));
        }
    }
}

std::vector<std::pair<std::string, gguf::Value>> ImportanceMatrix::provenance() const {
    std::vector<std::pair<std::string, gguf::Value>> keys;
    if (empty()) return keys;
    keys.emplace_back("quantize.imatrix.file", recorded(path_));
    if (!datasets_.empty()) keys.emplace_back("quantize.imatrix.dataset", recorded(datasets_[0]));
    keys.emplace_back("quantize.imatrix.entries_count",
                      gguf::Value::of(static_cast<std::uint32_t>(entries_.size())));
    if (chunk_count_ > 0) {
        keys.emplace_back("quantize.imatrix.chunks_count", gguf::Value::of(chunk_count_));
    }
    return keys;
}

}  // namespace quantize::model

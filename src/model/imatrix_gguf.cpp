// The GGUF form of importance matrices.
#include <cmath>
#include <map>
#include <span>

#include "model/header.h"
#include "model/imatrix_readers.h"

namespace quantize::model {
namespace {

constexpr std::string_view sums_suffix = ".in_sum2";
constexpr std::string_view counts_suffix = ".counts";

/// More experts than any model has; a longer list of counts belongs to something else.
constexpr std::uint64_t max_counts = std::uint64_t{1} << 16;

/// The two tensors of an entry.
struct Pair {
    const gguf::TensorInfo* sums = nullptr;
    const gguf::TensorInfo* counts = nullptr;
};

/// All entries by name; the reference ignores tensors of other names, and so do we.
std::map<std::string, Pair> pair_up(const gguf::Document& document) {
    std::map<std::string, Pair> pairs;
    for (const gguf::TensorInfo& tensor : document.tensors) {
        const std::string_view name = tensor.name;
        if (name.ends_with(sums_suffix)) {
            pairs[std::string(name.substr(0, name.size() - sums_suffix.size()))].sums = &tensor;
        } else if (name.ends_with(counts_suffix)) {
            pairs[std::string(name.substr(0, name.size() - counts_suffix.size()))].counts = &tensor;
        }
    }
    return pairs;
}

constexpr const char* remake = "; make the matrix anew with llama-imatrix";

void check_pair(const Pair& pair) {
    if (pair.sums == nullptr)
        throw Error("has counts but no sums (.in_sum2)" + std::string(remake));
    if (pair.counts == nullptr)
        throw Error("has sums but no counts (.counts)" + std::string(remake));
    for (const gguf::TensorInfo* tensor : {pair.sums, pair.counts}) {
        if (tensor->type == TensorType::F32) continue;
        throw Error("holds " + std::string(type_name(tensor->type)) + " where F32 belongs" +
                    remake);
    }
    const std::uint64_t sums = pair.sums->elems();
    const std::uint64_t counts = pair.counts->elems();
    if (counts == 0 || sums == 0 || counts > max_counts || sums % counts != 0) {
        throw Error("has " + std::to_string(counts) + " counts for " + std::to_string(sums) +
                    " sums" + remake);
    }
}

std::vector<float> read_counts(const io::InputFile& file, std::uint64_t offset,
                               std::uint64_t length) {
    std::vector<float> counts(static_cast<std::size_t>(length));
    file.read_at(offset, std::as_writable_bytes(std::span(counts)));
    for (float& count : counts) {
        if (!(count >= 0) || !std::isfinite(count)) {
            throw Error("has a count that is negative or not a number" + std::string(remake));
        }
        // Counts are whole numbers; the reference rounds to be sure.
        count = std::round(count);
    }
    return counts;
}

std::vector<std::string> read_datasets(const gguf::Value& value) {
    if (!value.element_type()) {
        throw Error("holds " + std::string(gguf::value_type_name(value.type())) +
                    " where an array belongs" + remake)
            .at("key 'imatrix.datasets'");
    }
    std::vector<std::string> names;
    // Only the first is recorded.
    value.for_each_element(
        [&](const gguf::Value& element) {
            const auto text = element.as_string();
            if (text) names.emplace_back(text->substr(0, text->find('\0')));
        },
        1);
    return names;
}

std::uint32_t read_chunk_count(const gguf::Value& value) {
    const auto count = value.as_unsigned();
    if (!count) {
        throw Error("holds " + std::string(gguf::value_type_name(value.type())) +
                    " where a whole number belongs" + remake)
            .at("key 'imatrix.chunk_count'");
    }
    // The reference counts in a signed number and records none that is not positive.
    return *count <= INT32_MAX ? static_cast<std::uint32_t>(*count) : 0;
}

}  // namespace

void GgufImatrixReader::read(const io::InputFile& file, const ImatrixFilter& filter,
                             ImportanceMatrix& matrix) {
    const gguf::Document document = read_header(file);
    const gguf::Value* datasets = document.find("imatrix.datasets");
    const gguf::Value* chunks = document.find("imatrix.chunk_count");
    if (datasets == nullptr || chunks == nullptr || !document.find("imatrix.chunk_size")) {
        throw Error(
            "is a GGUF file without the keys of an importance matrix (imatrix.datasets, "
            "imatrix.chunk_count, imatrix.chunk_size); give the file that llama-imatrix wrote");
    }
    matrix.datasets_ = read_datasets(*datasets);
    matrix.chunk_count_ = read_chunk_count(*chunks);

    const std::map<std::string, Pair> pairs = pair_up(document);
    if (pairs.empty()) throw Error("holds no entries; give the file that llama-imatrix wrote");
    for (const auto& [name, pair] : pairs) {
        try {
            check_pair(pair);
            if (!filter.admits(name)) continue;
            ImportanceMatrix::Entry entry;
            entry.offset = document.data_offset + pair.sums->offset;
            entry.values = pair.sums->elems();
            entry.counts =
                read_counts(file, document.data_offset + pair.counts->offset, pair.counts->elems());
            matrix.entries_.emplace(name, std::move(entry));
        } catch (const Error& error) {
            throw error.at(quoted_entry(name));
        }
    }
}

}  // namespace quantize::model

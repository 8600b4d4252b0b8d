// Opens the files of a model and checks that they belong together.
#include "model/source.h"

#include <string>

#include "base/bytes.h"
#include "gguf/split.h"
#include "model/header.h"
#include "quantize/error.h"

namespace quantize::model {
namespace {

namespace fs = std::filesystem;

/// The paths of all files of a split model, from that of its first.
std::vector<fs::path> shard_paths(const fs::path& first, std::uint32_t count) {
    const auto name = gguf::parse_shard_name(first.filename().string());
    if (!name || name->index != 0 || name->count != count) {
        throw Error("invalid name for the first of " + std::to_string(count) +
                    " files of a model: expected one that ends in '" +
                    gguf::shard_name("", 0, count) + "'; give the files their original names")
            .in_file(first.string());
    }
    std::vector<fs::path> paths;
    for (std::uint32_t i = 0; i < count; ++i) {
        paths.push_back(first.parent_path() / gguf::shard_name(name->prefix, i, count));
    }
    return paths;
}

/// Any file but the first is refused, with the name of the first where it can be told.
[[noreturn]] void fail_not_first(const fs::path& path, const gguf::ShardPosition& position) {
    std::string message = "cannot start here: this is file " + std::to_string(position.index + 1) +
                          " of " + std::to_string(position.count) + " of a split model; give ";
    const auto name = gguf::parse_shard_name(path.filename().string());
    message +=
        name ? printable(gguf::shard_name(name->prefix, 0, position.count)) : "the first one";
    throw Error(message).in_file(path.string());
}

/// That a file is the one of its number, and of the same model as the first.
void check_position(const gguf::Document& header, std::uint32_t index,
                    const gguf::Document& first) {
    const auto position = gguf::shard_position(header);
    const gguf::ShardPosition expected = *gguf::shard_position(first);
    if (!position) {
        throw Error(
            "not a part of a split model, as its name says: key 'split.count' is missing; get the "
            "files again");
    }
    const std::uint32_t count = expected.count;
    if (position->index != index || position->count != count) {
        throw Error("unexpected part of a split model: it says that it is file " +
                    std::to_string(position->index + 1) + " of " + std::to_string(position->count) +
                    " where " + std::to_string(index + 1) + " of " + std::to_string(count) +
                    " is expected; get the files again");
    }
    if (position->tensors_in_all && position->tensors_in_all != expected.tensors_in_all) {
        throw Error("unexpected part of a split model: it says that there are " +
                    std::to_string(*position->tensors_in_all) +
                    " tensors in all, and the first file says otherwise; get the files again")
            .at("key 'split.tensors.count'");
    }
    // Only the first file needs to say what the model is.
    constexpr std::string_view key = "general.architecture";
    const gguf::Value* architecture = header.find(key);
    const gguf::Value* expected_architecture = first.find(key);
    if (architecture != nullptr && expected_architecture != nullptr &&
        *architecture != *expected_architecture) {
        throw Error("unexpected part of a split model: it is " + architecture->to_text() +
                    ", and the first file is " + expected_architecture->to_text() +
                    "; get the files again")
            .at("key 'general.architecture'");
    }
}

}  // namespace

TensorSource::TensorSource(const fs::path& path) {
    files_.emplace_back(path);
    headers_.push_back(read_header(files_.front()));
    const auto position =
        with_file_context(path.string(), [&] { return gguf::shard_position(headers_.front()); });
    if (position && position->index != 0) fail_not_first(path, *position);
    const auto name = gguf::parse_shard_name(path.filename().string());
    if (!position && name && name->count > 1) {
        throw Error("its name says that it is file " + std::to_string(name->index + 1) + " of " +
                    std::to_string(name->count) +
                    " of a split model, and its keys say that it is a whole one (" +
                    (headers_.front().find("split.count") == nullptr ? "missing" : "at most 1") +
                    "); get the files again, or rename it if it is whole")
            .at("key 'split.count'")
            .in_file(path.string());
    }
    if (position) open_shards(position->count);

    // Names are looked up where they lie, which must not move any more.
    std::size_t tensor_count = 0;
    for (const gguf::Document& header : headers_)
        tensor_count += header.tensors.size();
    tensors_.reserve(tensor_count);
    for (std::size_t shard = 0; shard < files_.size(); ++shard) {
        with_file_context(files_[shard].path().string(), [&] { add_tensors(shard); });
    }
    if (position && position->tensors_in_all != tensors_.size()) {
        throw Error("the files of this split model hold " + std::to_string(tensors_.size()) +
                    " tensors in all, which is not what it says (" +
                    (position->tensors_in_all ? std::to_string(*position->tensors_in_all)
                                              : std::string("the key is missing")) +
                    "); get the files again")
            .at("key 'split.tensors.count'")
            .in_file(path.string());
    }
}

void TensorSource::open_shards(std::uint32_t count) {
    const auto paths = shard_paths(files_.front().path(), count);
    for (std::uint32_t i = 1; i < count; ++i) {
        try {
            files_.emplace_back(paths[i]);
        } catch (const Error& error) {
            throw Error(error.message() + "; this file belongs to the split model " +
                        printable(paths.front().filename().string()))
                .in_file(paths[i].string());
        }
        headers_.push_back(read_header(files_.back()));
        with_file_context(paths[i].string(),
                          [&] { check_position(headers_.back(), i, headers_.front()); });
    }
}

void TensorSource::add_tensors(std::size_t shard) {
    const gguf::Document& header = headers_[shard];
    for (const gguf::TensorInfo& info : header.tensors) {
        if (const SourceTensor* other = find(info.name)) {
            throw Error("duplicate: " + printable(files_[other->shard].path().filename().string()) +
                        " has a tensor of this name too; get the files again")
                .at(tensor_item(info.name));
        }
        const auto sum = checked_add(data_bytes_, info.bytes());
        if (!sum) throw Error("the tensors' sizes add up to more than 64 bits");
        data_bytes_ = *sum;
        tensors_.push_back({info, shard, header.data_offset + info.offset});
        by_name_.emplace(tensors_.back().info.name, tensors_.size() - 1);
    }
}

const SourceTensor* TensorSource::find(std::string_view name) const {
    const auto found = by_name_.find(name);
    return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

std::uint64_t TensorSource::file_bytes() const {
    std::uint64_t bytes = 0;
    for (const io::InputFile& file : files_)
        bytes += file.size();
    return bytes;
}

void TensorSource::read(const SourceTensor& tensor, std::uint64_t byte_offset,
                        std::span<std::byte> bytes) const {
    const auto end = checked_add(byte_offset, bytes.size());
    if (!end || *end > tensor.info.bytes()) {
        throw Error("a read beyond the end of the tensor was asked for")
            .at(tensor_item(tensor.info.name));
    }
    files_[tensor.shard].read_at(tensor.file_offset + byte_offset, bytes);
}

void TensorSource::will_need(const SourceTensor& tensor, std::uint64_t byte_offset,
                             std::uint64_t bytes) const {
    files_[tensor.shard].will_need(tensor.file_offset + byte_offset, bytes);
}

void TensorSource::check_unchanged() const {
    for (const io::InputFile& file : files_)
        file.check_unchanged();
}

}  // namespace quantize::model

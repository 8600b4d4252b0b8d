// The tensors of a model, wherever they lie: one GGUF file, or all the files of a split one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "io/input_file.h"
#include "quantize/gguf.h"

namespace quantize::model {

/// A tensor and the bytes of it.
struct SourceTensor {
    gguf::TensorInfo info;
    std::size_t shard = 0;          ///< index into TensorSource::files()
    std::uint64_t file_offset = 0;  ///< from the start of that file
};

/// An open model. All functions but the constructor may be called from any thread.
class TensorSource {
 public:
    /// Opens `path` and, when it is the first file of a split model, the others beside it. Throws
    /// Error that names the file at fault.
    explicit TensorSource(const std::filesystem::path& path);

    /// The metadata and header of the first file; its `tensors` are those of that file only.
    const gguf::Document& metadata() const { return headers_.front(); }
    /// The headers of all files.
    const std::vector<gguf::Document>& headers() const { return headers_; }
    const std::vector<io::InputFile>& files() const { return files_; }

    /// All tensors, file by file, in the order of each header; names are distinct.
    const std::vector<SourceTensor>& tensors() const { return tensors_; }
    /// Null when there is none of that name.
    const SourceTensor* find(std::string_view name) const;

    /// Bytes of all tensors, without padding.
    std::uint64_t data_bytes() const { return data_bytes_; }
    /// Bytes of all files.
    std::uint64_t file_bytes() const;

    /// Fills `bytes` with the tensor's data from `byte_offset` on.
    void read(const SourceTensor& tensor, std::uint64_t byte_offset,
              std::span<std::byte> bytes) const;
    /// Tells the system that this part will be read soon.
    void will_need(const SourceTensor& tensor, std::uint64_t byte_offset,
                   std::uint64_t bytes) const;
    /// Throws Error when one of the files has changed since it was opened.
    void check_unchanged() const;

 private:
    void open_shards(std::uint32_t count);
    void add_tensors(std::size_t shard);

    std::vector<io::InputFile> files_;
    std::vector<gguf::Document> headers_;
    std::vector<SourceTensor> tensors_;
    std::unordered_map<std::string_view, std::size_t> by_name_;
    std::uint64_t data_bytes_ = 0;
};

}  // namespace quantize::model

// Importance matrices: how much each column of a tensor matters, measured by llama-imatrix.
//
// Two forms exist. GGUF holds, per tensor, "NAME.in_sum2" (sums of squared activations, one row
// per expert) and "NAME.counts" (how many tokens each expert saw), both F32; a weight is sum by
// count, and 1 for experts that saw none. The older .dat form, little-endian 32-bit numbers:
//   entries | per entry: name length, name, calls, values, the sums as F32
//   then, optionally: chunks, length of the data set's name, that name
// where a weight is sum by calls (or the sum itself when there were none).
//
// Only an index stays in memory; weights are read and normalised when a tensor asks for them.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/input_file.h"
#include "quantize/gguf.h"

namespace quantize::model {

/// Substrings of tensor names that limit an importance matrix to a part of the tensors.
struct ImatrixFilter {
    std::vector<std::string> include;  ///< when not empty, only entries with one of these
    std::vector<std::string> exclude;  ///< no entries with one of these
    bool admits(std::string_view tensor_name) const;
};

class ImportanceMatrix {
 public:
    /// Has no entries, as when the user gave none.
    ImportanceMatrix() = default;

    /// Opens the file and checks every entry that the filter admits. `path` is recorded as given.
    /// Throws Error, naming the file and the entry, for anything but a sound importance matrix.
    static ImportanceMatrix open(const std::string& path, const ImatrixFilter& filter = {});

    /// True without a file, and also when the filter left nothing: then it is as if none was given.
    bool empty() const { return entries_.empty(); }
    std::size_t entry_count() const { return entries_.size(); }
    bool contains(std::string_view tensor_name) const;
    const std::vector<std::string>& datasets() const { return datasets_; }
    std::uint32_t chunk_count() const { return chunk_count_; }

    /// Whether there are weights for this tensor. (When layers are pruned, a tensor is looked up
    /// by the name that it has in the input.) Throws Error when the entry's size is not
    /// shape[0] x shape[2]; an entry of another size for token embeddings counts as none, since
    /// llama-imatrix cannot measure them.
    bool has_weights(std::string_view tensor_name, const std::array<std::uint64_t, 4>& shape) const;

    /// shape[2] rows of shape[0] weights, one row per expert; empty when has_weights() is false.
    /// Any thread may call it.
    std::vector<float> weights(std::string_view tensor_name,
                               const std::array<std::uint64_t, 4>& shape) const;

    /// What the output's metadata says about the matrix, in the order in which it is set.
    std::vector<std::pair<std::string, gguf::Value>> provenance() const;

 private:
    friend class GgufImatrixReader;
    friend class LegacyImatrixReader;

    struct Entry {
        std::uint64_t offset = 0;  ///< of the sums in the file
        std::uint64_t values = 0;
        /// What the sums of each of as many equal parts are divided by; where nothing was
        /// counted, `uncounted` says what the weights are.
        std::vector<float> counts;
    };
    enum class Uncounted { ones, sums };

    void check_entries() const;
    void read_weights(const Entry& entry, std::uint64_t first, std::span<float> weights) const;

    std::string path_;
    std::optional<io::InputFile> file_;
    std::map<std::string, Entry, std::less<>> entries_;
    Uncounted uncounted_ = Uncounted::ones;
    std::vector<std::string> datasets_;
    std::uint32_t chunk_count_ = 0;
};

}  // namespace quantize::model

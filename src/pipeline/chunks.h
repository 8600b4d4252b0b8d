// Cuts tensors into chunks: ranges of elements small enough for a core's cache, which any thread
// may work on in any order.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "quantize/tensor_type.h"

namespace quantize::pipeline {

/// How a tensor may be cut.
struct Divisible {
    std::uint64_t elems = 0;
    std::uint64_t cols = 1;
    std::uint64_t unit = 1;   ///< elements that stay together: a block, or a row
    bool whole_rows = false;  ///< never cut a row
};

/// Elements `begin` to `end` of a tensor.
struct Chunk {
    std::size_t tensor = 0;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t elems() const { return end - begin; }
};

/// Elements in a piece of at most about `wanted` of them: whole rows when they fit or must stay
/// whole, else a multiple of the unit.
std::uint64_t piece_elems(const Divisible& tensor, std::uint64_t wanted);

/// All chunks of a list of tensors, numbered in their order; kept as sums, not one by one.
class ChunkList {
 public:
    explicit ChunkList(const std::vector<Divisible>& tensors);

    std::uint64_t size() const { return first_.back(); }
    Chunk operator[](std::uint64_t index) const;
    std::uint64_t chunks_of(std::size_t tensor) const {
        return first_[tensor + 1] - first_[tensor];
    }
    std::uint64_t largest_elems() const { return largest_; }

 private:
    std::vector<Divisible> tensors_;
    std::vector<std::uint64_t> piece_;
    std::vector<std::uint64_t> first_;  ///< number of each tensor's first chunk, and the total
    std::uint64_t largest_ = 0;
};

/// A reordering of 0 .. count-1 drawn from a seed, for tests; without a seed nothing changes.
class ChunkOrder {
 public:
    ChunkOrder(std::uint64_t count, std::optional<std::uint64_t> seed);
    std::uint64_t operator()(std::uint64_t position) const;

 private:
    std::uint64_t count_;
    std::uint64_t step_ = 1;
    std::uint64_t start_ = 0;
};

}  // namespace quantize::pipeline

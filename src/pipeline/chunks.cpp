// Sizes of chunks. Reading, decoding, encoding and writing one keeps within a core's share of the
// caches, and a read or write is large enough for its system call not to matter.
#include "pipeline/chunks.h"

#include <algorithm>
#include <numeric>

namespace quantize::pipeline {
namespace {

/// With F16 in and Q8_0 out this is 1 MiB read and 544 KiB written at a time.
constexpr std::uint64_t chunk_elems = std::uint64_t{1} << 19;

/// Rows that stay whole come in multiples of this, unless they are very long: what couples a row is
/// a sum in order, taken for rows side by side (kernels/lane_rows.h).
constexpr std::uint64_t rows_together = 16;
constexpr std::uint64_t most_elems_together = std::uint64_t{1} << 20;

}  // namespace

std::uint64_t piece_elems(const Divisible& tensor, std::uint64_t wanted) {
    if (tensor.whole_rows) {
        wanted = std::max(wanted, std::min(rows_together * tensor.cols, most_elems_together));
    }
    if (tensor.cols <= wanted) {
        std::uint64_t rows = wanted / tensor.cols;
        if (tensor.whole_rows && rows > rows_together) rows -= rows % rows_together;
        return rows * tensor.cols;
    }
    if (tensor.whole_rows) return tensor.cols;
    return std::max(wanted / tensor.unit, std::uint64_t{1}) * tensor.unit;
}

ChunkList::ChunkList(const std::vector<Divisible>& tensors) : tensors_(tensors) {
    first_.push_back(0);
    for (const Divisible& tensor : tensors_) {
        const std::uint64_t piece =
            tensor.elems == 0 ? 1 : std::min(piece_elems(tensor, chunk_elems), tensor.elems);
        piece_.push_back(piece);
        largest_ = std::max(largest_, piece);
        first_.push_back(first_.back() + (tensor.elems + piece - 1) / piece);
    }
}

Chunk ChunkList::operator[](std::uint64_t index) const {
    const auto after = std::ranges::upper_bound(first_, index);
    const auto tensor = static_cast<std::size_t>(after - first_.begin() - 1);
    const std::uint64_t begin = (index - first_[tensor]) * piece_[tensor];
    return {tensor, begin, std::min(begin + piece_[tensor], tensors_[tensor].elems)};
}

ChunkOrder::ChunkOrder(std::uint64_t count, std::optional<std::uint64_t> seed) : count_(count) {
    if (!seed || count < 2) return;
    // Steps that share no factor with the count visit every chunk once.
    start_ = *seed % count;
    step_ = *seed / 7 % count + count / 2;
    while (std::gcd(step_, count) != 1)
        ++step_;
}

std::uint64_t ChunkOrder::operator()(std::uint64_t position) const {
    // No overflow: 2^32 chunks would be a file of 2^48 bytes.
    return (position * (step_ % count_) + start_) % count_;
}

}  // namespace quantize::pipeline

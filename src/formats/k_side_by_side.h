// Super-blocks side by side, one in each lane, with the importance of their values: where a search
// weighs by importance and by the super-block's variance, it takes them from there fastest.
#pragma once

#include <cstdint>

#include "formats/k_blocks.h"
#include "formats/weights.h"
#include "kernels/fit.h"
#include "kernels/lane_rows.h"

namespace quantize::formats {

/// A row of importance weights.
struct ImportanceRow {
    const float* weights;
    std::int64_t cols;
};

class SideBySide {
 public:
    explicit SideBySide(const ImportanceRow& importance) : row_(importance) {}

    /// Takes kernels::lane_rows() super-blocks, the first of which begins at the given column.
    void take(VarianceRule rule, const kernels::StoredValues& values, std::int64_t column);

    /// Their sub-blocks of `size` values: the first one of each super-block, then the second ones.
    kernels::Problems problems(int size) const;

 private:
    static constexpr int most = kernels::most_lane_rows * super_block_elems;

    void take_importance(std::int64_t column);

    ImportanceRow row_;
    alignas(64) float values_[most];
    alignas(64) float importance_[most];
    float variance_[kernels::most_lane_rows];
    std::int64_t column_ = -1;  ///< where the importance begins that was taken last
};

}  // namespace quantize::formats

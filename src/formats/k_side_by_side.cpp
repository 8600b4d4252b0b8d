#include "formats/k_side_by_side.h"

namespace quantize::formats {

void SideBySide::take(VarianceRule rule, const kernels::StoredValues& values, std::int64_t column) {
    kernels::rows_to_lanes(values, super_block_elems, values_, variance_);
    for (std::int64_t s = 0; s < kernels::lane_rows(); ++s)
        variance_[s] = super_block_variance(rule, variance_[s]);
    take_importance(column);
}

/// Super-blocks of one column after the other often have the same importance: rows are short.
void SideBySide::take_importance(std::int64_t column) {
    if (column == column_) return;
    column_ = column;
    const float* rows[kernels::most_lane_rows];
    for (std::int64_t s = 0; s < kernels::lane_rows(); ++s) {
        rows[s] = row_.weights + column;
        column += super_block_elems;
        if (column == row_.cols) column = 0;
    }
    kernels::rows_to_lanes(rows, super_block_elems, importance_);
}

kernels::Problems SideBySide::problems(int size) const {
    kernels::Problems problems;
    problems.lanes = values_;
    problems.lane_importance = importance_;
    problems.count = kernels::lane_rows() * (super_block_elems / size);
    problems.size = size;
    problems.weighting = kernels::Weighting::importance_spread;
    problems.variance = variance_;
    return problems;
}

}  // namespace quantize::formats

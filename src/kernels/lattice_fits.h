// The fit of each grid type, as lattice.cpp calls them. They are apart in two files
// (lattice_2bit.cpp, lattice_3bit.cpp), since compilers take long over each.
#pragma once

#include "kernels/lattice.h"

namespace quantize::kernels::lattice_fits {

/// As fit_lattice(); `variances` has a number for each super-block, its mean square or twice that.
void iq2_xxs(const LatticeGrid& grid, const float* values, const float* importance,
             const float* variances, std::size_t block_count, const LatticeFits& fits);
void iq2_xs(const LatticeGrid& grid, const float* values, const float* importance,
            const float* variances, std::size_t block_count, const LatticeFits& fits);
void iq2_s(const LatticeGrid& grid, const float* values, const float* importance,
           const float* variances, std::size_t block_count, const LatticeFits& fits);
void iq3_xxs(const LatticeGrid& grid, const float* values, const float* importance,
             const float* variances, std::size_t block_count, const LatticeFits& fits);
void iq3_s(const LatticeGrid& grid, const float* values, const float* importance,
           const float* variances, std::size_t block_count, const LatticeFits& fits);

}  // namespace quantize::kernels::lattice_fits

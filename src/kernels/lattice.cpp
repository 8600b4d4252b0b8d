// The entrance to the fits of the grid types: variances of super-blocks, then the type's own fit.
#include "kernels/lattice.h"

#include <vector>

#include "kernels/fit.h"
#include "kernels/lattice_fits.h"
#include "kernels/lattice_spec.h"

namespace quantize::kernels {

void fit_lattice(LatticeType type, const LatticeGrid& grid, const float* values,
                 const float* importance, std::size_t block_count, const LatticeFits& fits) {
    std::vector<float> variances(block_count);
    sum_squares(values, static_cast<std::int64_t>(block_count), lattice_block, variances.data());
    const auto fit = [&](auto function, float variance_factor) {
        for (float& variance : variances)
            variance = variance_factor * variance / static_cast<float>(lattice_block);
        function(grid, values, importance, variances.data(), block_count, fits);
    };
    switch (type) {
        case LatticeType::iq2_xxs:
            return fit(lattice_fits::iq2_xxs, lattice::Iq2XxsSpec::variance_factor);
        case LatticeType::iq2_xs:
            return fit(lattice_fits::iq2_xs, lattice::Iq2XsSpec::variance_factor);
        case LatticeType::iq2_s:
            return fit(lattice_fits::iq2_s, lattice::Iq2SSpec::variance_factor);
        case LatticeType::iq3_xxs:
            return fit(lattice_fits::iq3_xxs, lattice::Iq3XxsSpec::variance_factor);
        case LatticeType::iq3_s:
            return fit(lattice_fits::iq3_s, lattice::Iq3SSpec::variance_factor);
    }
}

}  // namespace quantize::kernels

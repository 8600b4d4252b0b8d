// The entrance to the fits of the grid types: variances of super-blocks, then the type's own fit.
#include "kernels/lattice.h"

#include <vector>

#include "kernels/fit.h"
#include "kernels/lattice_fits.h"

namespace quantize::kernels {
void fit_lattice(LatticeType type, const LatticeGrid& grid, const float* values,
                 const float* importance, std::size_t block_count, const LatticeFits& fits) {
    const bool three_bits = type == LatticeType::iq3_xxs || type == LatticeType::iq3_s;
    const float factor = three_bits || type == LatticeType::iq2_s ? 2.0f : 1.0f;
    std::vector<float> variances(block_count);
    sum_squares(values, static_cast<std::int64_t>(block_count), lattice_block, variances.data());
    for (float& variance : variances)
        variance = factor * variance / static_cast<float>(lattice_block);
    const auto fit = [&](auto function) {
        function(grid, values, importance, variances.data(), block_count, fits);
    };
    switch (type) {
        case LatticeType::iq2_xxs:
            return fit(lattice_fits::iq2_xxs);
        case LatticeType::iq2_xs:
            return fit(lattice_fits::iq2_xs);
        case LatticeType::iq2_s:
            return fit(lattice_fits::iq2_s);
        case LatticeType::iq3_xxs:
            return fit(lattice_fits::iq3_xxs);
        case LatticeType::iq3_s:
            return fit(lattice_fits::iq3_s);
    }
}

}  // namespace quantize::kernels

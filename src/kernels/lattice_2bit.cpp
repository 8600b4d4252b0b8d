// The fits of IQ2_XXS, IQ2_XS and IQ2_S, compiled for every instruction set.
#include "kernels/lattice_fits.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lattice_2bit.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/lattice_fit-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

void fit_iq2_xxs(const LatticeGrid& grid, const float* values, const float* importance,
                 const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq2XxsSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq2_xs(const LatticeGrid& grid, const float* values, const float* importance,
                const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq2XsSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq2_s(const LatticeGrid& grid, const float* values, const float* importance,
               const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq2SSpec>(grid, values, importance, variances, block_count, fits);
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit_iq2_xxs);
HWY_EXPORT(fit_iq2_xs);
HWY_EXPORT(fit_iq2_s);

namespace lattice_fits {

void iq2_xxs(const LatticeGrid& grid, const float* values, const float* importance,
             const float* variances, std::size_t block_count, const LatticeFits& fits) {
    HWY_DYNAMIC_DISPATCH(fit_iq2_xxs)(grid, values, importance, variances, block_count, fits);
}
void iq2_xs(const LatticeGrid& grid, const float* values, const float* importance,
            const float* variances, std::size_t block_count, const LatticeFits& fits) {
    HWY_DYNAMIC_DISPATCH(fit_iq2_xs)(grid, values, importance, variances, block_count, fits);
}
void iq2_s(const LatticeGrid& grid, const float* values, const float* importance,
           const float* variances, std::size_t block_count, const LatticeFits& fits) {
    HWY_DYNAMIC_DISPATCH(fit_iq2_s)(grid, values, importance, variances, block_count, fits);
}

}  // namespace lattice_fits
}  // namespace quantize::kernels
#endif

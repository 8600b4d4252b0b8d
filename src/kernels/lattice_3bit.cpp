// The fits of IQ3_XXS and IQ3_S, compiled for every instruction set.
#include "kernels/at_most_avx2.h"
//
#include "kernels/lattice_fits.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lattice_3bit.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/lattice_fit-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

void fit_iq3_xxs(const LatticeGrid& grid, const float* values, const float* importance,
                 const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq3XxsSpec>(grid, values, importance, variances, block_count, fits);
}
void fit_iq3_s(const LatticeGrid& grid, const float* values, const float* importance,
               const float* variances, std::size_t block_count, const LatticeFits& fits) {
    fit_blocks<lattice::Iq3SSpec>(grid, values, importance, variances, block_count, fits);
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit_iq3_xxs);
HWY_EXPORT(fit_iq3_s);

namespace lattice_fits {

void iq3_xxs(const LatticeGrid& grid, const float* values, const float* importance,
             const float* variances, std::size_t block_count, const LatticeFits& fits) {
    HWY_DYNAMIC_DISPATCH(fit_iq3_xxs)(grid, values, importance, variances, block_count, fits);
}
void iq3_s(const LatticeGrid& grid, const float* values, const float* importance,
           const float* variances, std::size_t block_count, const LatticeFits& fits) {
    HWY_DYNAMIC_DISPATCH(fit_iq3_s)(grid, values, importance, variances, block_count, fits);
}

}  // namespace lattice_fits
}  // namespace quantize::kernels
#endif

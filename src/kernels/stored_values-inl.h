// Kernels' way to values in either form. Compiled once per target; include it from kernels only,
// after foreach_target.h.
#if defined(QUANTIZE_KERNELS_STORED_VALUES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef QUANTIZE_KERNELS_STORED_VALUES_INL_H_
#undef QUANTIZE_KERNELS_STORED_VALUES_INL_H_
#else
#define QUANTIZE_KERNELS_STORED_VALUES_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>

#include "kernels/stored_values.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

/// Calls use(where they lie) for values in binary32 or in F16.
template <class Use>
HWY_INLINE void in_their_form(const StoredValues& values, const Use& use) {
    if (const std::uint16_t* const halves = values.halves()) {
        use(halves);
    } else {
        use(values.floats());
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard

// To be included before any of Highway: compiles the kernels of a file for AVX2 at most, which then
// also serves where AVX-512 is chosen. For kernels that reduce across lanes for every few values,
// or walk lists: there 16 lanes were measured slower than 8 (docs/performance.md).
#pragma once

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (QUANTIZE_DISABLED_TARGETS | HWY_AVX3 | HWY_AVX3_DL)

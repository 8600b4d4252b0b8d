// The formats by family; each family's .cpp defines its own, registry.cpp lists them all.
#pragma once

#include "quantize/format.h"

namespace quantize::formats {

// plain.cpp
extern const Format f32, f16, bf16;
// legacy.cpp
extern const Format q4_0, q4_1, q5_0, q5_1, q8_0;
// k_affine.cpp
extern const Format q2_k, q4_k, q5_k;
// k_symmetric.cpp
extern const Format q3_k, q6_k;
// iq_lattice.cpp
extern const Format iq2_xxs, iq2_xs, iq2_s, iq3_xxs, iq3_s;
// iq_ternary.cpp
extern const Format iq1_s, iq1_m;
// iq_codebook.cpp
extern const Format iq4_nl, iq4_xs;
// fp4.cpp
extern const Format mxfp4, nvfp4;
// bitnet.cpp
extern const Format tq1_0, tq2_0, q1_0, q2_0;

}  // namespace quantize::formats

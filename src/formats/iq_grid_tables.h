// The code tables of the IQ1, IQ2 and IQ3 types: which points each grid has. Data of the format;
// iq_grids.h is how the rest of the code uses them.
#pragma once

#include <cstdint>

namespace quantize::formats::tables {

extern const std::uint16_t iq1_points[2048];
extern const std::uint16_t iq2_xxs_points[256];
extern const std::uint16_t iq2_xs_points[512];
extern const std::uint16_t iq2_s_points[1024];
extern const std::uint16_t iq3_xxs_points[256];
extern const std::uint16_t iq3_s_points[512];

}  // namespace quantize::formats::tables

// Rows side by side, one in each lane. Where a whole row's mean square counts, its values have to
// be brought into lanes to be summed in order; they stay there for the search and for their levels.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/levels.h"
#include "kernels/stored_values.h"

namespace quantize::kernels {

/// How many rows stand side by side on the target at hand, and at most on any.
std::int64_t lane_rows();
inline constexpr int most_lane_rows = 16;

/// Blocks of a row that lie side by side have this many values.
inline constexpr int lane_block = 32;

/// Brings lane_rows() rows of `cols` values, a multiple of lane_block, side by side: value c of row
/// r goes to lanes[c * lane_rows() + r]. `sums` becomes the sum of each row's squares, added in
/// order, which is finite where all values in F16 are.
void rows_to_lanes(const StoredValues& values, std::int64_t cols, float* lanes, float* sums);

/// The same for rows of floats that begin anywhere, without sums.
void rows_to_lanes(const float* const* rows, std::int64_t cols, float* lanes);

/// Brings what a search has found for blocks side by side back: of `blocks` values for each row, a
/// multiple of four, value b of row r, lanes[b * lane_rows() + r], goes to rows[r * blocks + b].
void lanes_to_rows(const float* lanes, std::int64_t blocks, float* rows);

/// level = clamp(nearest(inverse * (value - base))) + offset of the values of `blocks` blocks side
/// by side; zero where `inverse` is, the sign of a search without result. Block b of row r has
/// inverse, base and results at b * lane_rows() + r. Byte m of its sixteen nibbles holds the low
/// four bits of the levels m and m + 16, bit m of its fifth bits the next bit of level m;
/// `fifth_bits` is null where levels have none.
void pack_lane_levels(const float* lanes, std::int64_t blocks, const float* inverse,
                      const float* base, LevelRange range, std::uint32_t* nibbles,
                      std::uint32_t* fifth_bits);

}  // namespace quantize::kernels

// Brings rows into lanes, with the sums of their squares, and packs levels where values lie in
// lanes.
#include "kernels/lane_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/lane_rows.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/lanes-inl.h"
#include "kernels/side_by_side-inl.h"
#include "kernels/stored_values-inl.h"
#include "kernels/transpose-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

static_assert(most_lane_rows == max_lanes);

/// Values of each row that are transposed at a time.
inline constexpr std::size_t step = 8;

/// Adds the squares of the values of one step, in order.
HWY_INLINE void add_squares(const float* values, float* sums) {
    const FloatTag d;
    const std::size_t rows = rows_side_by_side();
    for (std::size_t r = 0; r < rows; r += hn::Lanes(d)) {
        Floats sum = hn::Load(d, sums + r);
        for (std::size_t i = 0; i < step; ++i) {
            const Floats x = hn::LoadU(d, values + i * rows + r);
            sum = hn::Add(sum, hn::Mul(x, x));
        }
        hn::Store(sum, d, sums + r);
    }
}

/// Copies a block of each row to where they lie one after the other. Rows are 4096 bytes apart or a
/// multiple, in most models, so that a column of them shares one set of the nearest cache, which
/// may have room for half of it: each line is to be read but once.
template <class T>
HWY_INLINE void gather_blocks(const T* values, std::int64_t cols, T* blocks) {
    const hn::CappedTag<T, lane_block> d;
    for (std::size_t r = 0; r < rows_side_by_side(); ++r, values += cols, blocks += lane_block) {
        for (std::size_t i = 0; i < lane_block; i += hn::Lanes(d))
            hn::Store(hn::LoadU(d, values + i), d, blocks + i);
    }
}

std::int64_t count_lane_rows() {
    return static_cast<std::int64_t>(rows_side_by_side());
}

template <class T>
HWY_INLINE void to_lanes(const T* values, std::int64_t cols, float* HWY_RESTRICT lanes,
                         float* HWY_RESTRICT sums) {
    const std::size_t rows = rows_side_by_side();
    HWY_ALIGN T blocks[max_lanes * lane_block];
    for (std::int64_t at = 0; at < cols; at += lane_block) {
        gather_blocks(values + at, cols, blocks);
        for (std::size_t i = 0; i < lane_block; i += step, lanes += step * rows) {
            transpose_to_tile(EvenRows<T, lane_block>{blocks + i}, rows, step, lanes);
            add_squares(lanes, sums);
        }
    }
}

void rows_to_lanes_lanes(const StoredValues& values, std::int64_t cols, float* lanes,
                         float* sums_out) {
    HWY_ALIGN float sums[max_lanes] = {};
    in_their_form(values, [&](const auto* row) HWY_ATTR { to_lanes(row, cols, lanes, sums); });
    std::copy_n(sums, rows_side_by_side(), sums_out);
}

void listed_rows_to_lanes(const float* const* rows, std::int64_t cols, float* lanes) {
    transpose_to_tile(rows, rows_side_by_side(), static_cast<std::size_t>(cols), lanes);
}

void lanes_to_rows_lanes(const float* lanes, std::int64_t blocks, float* rows) {
    transpose_from_tile(lanes, rows_side_by_side(), static_cast<std::size_t>(blocks), rows);
}

using WordTag = hn::RebindToUnsigned<FloatTag>;
using Words = hn::Vec<WordTag>;

/// Nibbles of the levels i to i + 3 and i + 16 to i + 19. Fifth bits come in from above.
template <bool kFifthBits, class LevelOf>
HWY_INLINE Words pack_word(const LevelOf& level_of, std::size_t first, Words& low_bits,
                           Words& high_bits) {
    const WordTag d;
    Words packed = hn::Zero(d);
    for (std::size_t i = first; i < first + 4; ++i) {
        Words low = level_of(i);
        const Words high = level_of(i + 16);
        if constexpr (kFifthBits) {
            const Words fifth = hn::Set(d, 16);
            low_bits = hn::Or(hn::ShiftRight<1>(low_bits), hn::ShiftLeft<11>(hn::And(low, fifth)));
            high_bits =
                hn::Or(hn::ShiftRight<1>(high_bits), hn::ShiftLeft<27>(hn::And(high, fifth)));
            low = hn::AndNot(fifth, low);
        }
        const Words both = hn::Or(hn::ShiftLeft<24>(low), hn::ShiftLeft<28>(high));
        packed = hn::Or(hn::ShiftRight<8>(packed), both);
    }
    return packed;
}

/// Packs one vector of blocks.
template <bool kFifthBits>
HWY_INLINE void pack_vector(const float* values, Floats inverse, Floats base, LevelRange range,
                            std::uint32_t* nibbles, std::uint32_t* fifth_bits) {
    const FloatTag d;
    const IntTag di;
    const WordTag words;
    const Ints lowest = hn::Set(di, range.lowest + nearest_bias);
    const Ints highest = hn::Set(di, range.highest + nearest_bias);
    const Ints shift = hn::Set(di, range.offset - nearest_bias);
    const auto level_of = [&](std::size_t i) HWY_ATTR {
        const Floats x = hn::LoadU(d, values + i * rows_side_by_side());
        const Ints level = biased_nearest(hn::Mul(inverse, hn::Sub(x, base)));
        const Ints clamped = hn::Min(hn::Max(level, lowest), highest);
        return hn::BitCast(words, hn::Add(clamped, shift));
    };
    const auto found = hn::RebindMask(words, hn::Ne(inverse, hn::Zero(d)));
    Words low_bits = hn::Zero(words), high_bits = low_bits;
    const auto word = [&](std::size_t first) HWY_ATTR {
        return hn::IfThenElseZero(found,
                                  pack_word<kFifthBits>(level_of, first, low_bits, high_bits));
    };
    const Words word0 = word(0), word1 = word(4), word2 = word(8), word3 = word(12);
    hn::StoreInterleaved4(word0, word1, word2, word3, words, nibbles);
    if constexpr (kFifthBits) {
        hn::StoreU(hn::IfThenElseZero(found, hn::Or(low_bits, high_bits)), words, fifth_bits);
    }
}

void pack_lane_levels_lanes(const float* lanes, std::int64_t blocks, const float* inverse,
                            const float* base, LevelRange range, std::uint32_t* nibbles,
                            std::uint32_t* fifth_bits) {
    const FloatTag d;
    const std::size_t rows = rows_side_by_side();
    const auto count = static_cast<std::size_t>(blocks) * rows;
    for (std::size_t p = 0; p < count; p += hn::Lanes(d)) {
        const float* const values = lanes + p / rows * rows * lane_block + p % rows;
        const Floats factor = hn::LoadU(d, inverse + p);
        const Floats start = hn::LoadU(d, base + p);
        if (fifth_bits != nullptr) {
            pack_vector<true>(values, factor, start, range, nibbles + 4 * p, fifth_bits + p);
        } else {
            pack_vector<false>(values, factor, start, range, nibbles + 4 * p, nullptr);
        }
    }
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(count_lane_rows);
std::int64_t lane_rows() {
    return HWY_DYNAMIC_DISPATCH(count_lane_rows)();
}

HWY_EXPORT(rows_to_lanes_lanes);
void rows_to_lanes(const StoredValues& values, std::int64_t cols, float* lanes, float* sums) {
    HWY_DYNAMIC_DISPATCH(rows_to_lanes_lanes)(values, cols, lanes, sums);
}

HWY_EXPORT(listed_rows_to_lanes);
void rows_to_lanes(const float* const* rows, std::int64_t cols, float* lanes) {
    HWY_DYNAMIC_DISPATCH(listed_rows_to_lanes)(rows, cols, lanes);
}

HWY_EXPORT(lanes_to_rows_lanes);
void lanes_to_rows(const float* lanes, std::int64_t blocks, float* rows) {
    HWY_DYNAMIC_DISPATCH(lanes_to_rows_lanes)(lanes, blocks, rows);
}

HWY_EXPORT(pack_lane_levels_lanes);
void pack_lane_levels(const float* lanes, std::int64_t blocks, const float* inverse,
                      const float* base, LevelRange range, std::uint32_t* nibbles,
                      std::uint32_t* fifth_bits) {
    HWY_DYNAMIC_DISPATCH(pack_lane_levels_lanes)
    (lanes, blocks, inverse, base, range, nibbles, fifth_bits);
}

}  // namespace quantize::kernels
#endif

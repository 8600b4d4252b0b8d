// Q4_0, Q4_1, Q5_0, Q5_1 with importance weights. The variance that enters the weights is the
// whole row's; each block of 32 is then a problem of its own, and its levels are those of the
// search.
#include "formats/legacy_weighted.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/float16.h"
#include "formats/weights.h"
#include "kernels/fit.h"
#include "kernels/levels.h"

namespace quantize::formats {
namespace {

constexpr int block_elems = 32;
constexpr int group_blocks = 64;
constexpr int group_rows = 32;

struct Block4Symmetric {
    std::uint16_t d;
    std::uint8_t levels[16];
};
struct Block4Affine {
    std::uint16_t d;
    std::uint16_t min;
    std::uint8_t levels[16];
};
struct Block5Symmetric {
    std::uint16_t d;
    std::uint8_t high_bits[4];
    std::uint8_t levels[16];
};
struct Block5Affine {
    std::uint16_t d;
    std::uint16_t min;
    std::uint8_t high_bits[4];
    std::uint8_t levels[16];
};
static_assert(sizeof(Block4Symmetric) == type_info(TensorType::Q4_0).block_bytes);
static_assert(sizeof(Block4Affine) == type_info(TensorType::Q4_1).block_bytes);
static_assert(sizeof(Block5Symmetric) == type_info(TensorType::Q5_0).block_bytes);
static_assert(sizeof(Block5Affine) == type_info(TensorType::Q5_1).block_bytes);

template <class Block>
constexpr bool has_min = requires(Block block) {
    block.min;
};
template <class Block>
constexpr bool has_high_bits = requires(Block block) {
    block.high_bits;
};
template <class Block>
constexpr int level_count = has_high_bits<Block> ? 32 : 16;

/// Bit 4 of eight bytes, the first byte's lowest: the product moves each to its place at the top.
std::uint8_t gather_bit4(const std::uint8_t* levels) {
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t bits;
    std::memcpy(&bits, levels, sizeof(bits));
    return static_cast<std::uint8_t>((bits >> 4 & 0x0101010101010101u) * 0x0102040810204080u >> 56);
}

template <class Block>
void pack(const std::uint8_t* levels, float scale, float min, Block& block) {
    block.d = f32_to_f16(scale);
    if constexpr (has_min<Block>) block.min = f32_to_f16(-min);
    for (int i = 0; i < block_elems / 2; ++i) {
        block.levels[i] =
            static_cast<std::uint8_t>((levels[i] & 15) | (levels[i + block_elems / 2] & 15) << 4);
    }
    if constexpr (has_high_bits<Block>) {
        for (int i = 0; i < 4; ++i)
            block.high_bits[i] = gather_bit4(levels + 8 * i);
    }
}

/// Fits and packs up to group_blocks blocks.
template <class Block>
void encode_group(const kernels::Problems& problems, std::byte* out) {
    constexpr int levels_of_type = level_count<Block>;
    float scale[group_blocks], min[group_blocks], inverse[group_blocks];
    float base[group_blocks] = {};
    kernels::LevelRange range;
    if constexpr (has_min<Block>) {
        range = {0, levels_of_type - 1, 0};
        float weight_sum[group_blocks];
        kernels::fit_affine({levels_of_type - 1, -0.9f, 0.05f, 36, false}, problems,
                            {scale, min, inverse, base, weight_sum});
    } else {
        constexpr int half = levels_of_type / 2;
        range = {-half, half - 1, half};
        kernels::fit_symmetric(kernels::symmetric_sweep(half), problems, {scale, inverse, nullptr});
        std::fill_n(min, group_blocks, 0.0f);
    }
    std::uint8_t levels[group_blocks * block_elems];
    kernels::level_by_inverse(problems.values, problems.count, block_elems, inverse, base, range,
                              levels);
    Block blocks[group_blocks];
    for (std::int64_t b = 0; b < problems.count; ++b) {
        pack(levels + b * block_elems, scale[b], min[b], blocks[b]);
    }
    std::memcpy(out, blocks, static_cast<std::size_t>(problems.count) * sizeof(Block));
}

template <class Block>
void encode(const float* values, std::int64_t rows, std::int64_t cols, const float* weights,
            std::byte* out) {
    const std::int64_t row_blocks = cols / block_elems;
    float row_variance[group_rows];
    float variance[group_blocks];
    for (std::int64_t first_row = 0; first_row < rows; first_row += group_rows) {
        const std::int64_t used_rows = std::min<std::int64_t>(group_rows, rows - first_row);
        const float* const start = values + first_row * cols;
        row_variances(start, used_rows, cols, row_variance);
        const std::int64_t blocks = used_rows * row_blocks;
        for (std::int64_t first = 0; first < blocks; first += group_blocks) {
            kernels::Problems problems;
            problems.values = start + first * block_elems;
            problems.count = std::min<std::int64_t>(group_blocks, blocks - first);
            problems.size = block_elems;
            problems.weighting = kernels::Weighting::importance_spread;
            problems.importance = weights;
            problems.importance_offset = first % row_blocks * block_elems;
            problems.importance_period = cols;
            problems.variance = variance;
            for (std::int64_t b = 0, row = first / row_blocks, column = first % row_blocks;
                 b < problems.count; ++b) {
                variance[b] = row_variance[row];
                if (++column == row_blocks) {
                    column = 0;
                    ++row;
                }
            }
            encode_group<Block>(problems, out);
            out += problems.count * static_cast<std::int64_t>(sizeof(Block));
        }
    }
}

}  // namespace

void encode_weighted(TensorType type, const float* values, std::int64_t rows, std::int64_t cols,
                     const float* weights, std::byte* blocks) {
    switch (type) {
        case TensorType::Q4_0:
            return encode<Block4Symmetric>(values, rows, cols, weights, blocks);
        case TensorType::Q4_1:
            return encode<Block4Affine>(values, rows, cols, weights, blocks);
        case TensorType::Q5_0:
            return encode<Block5Symmetric>(values, rows, cols, weights, blocks);
        case TensorType::Q5_1:
            return encode<Block5Affine>(values, rows, cols, weights, blocks);
        default:
            return;
    }
}

}  // namespace quantize::formats

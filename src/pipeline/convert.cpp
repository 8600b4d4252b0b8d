// Works through a chunk tile by tile, so that the binary32 values stay in a cache.
#include "pipeline/convert.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "kernels/rows.h"
#include "quantize/error.h"

namespace quantize::pipeline {
namespace {

/// Values up to here have a scale that fits binary16 in every type; larger ones are looked at
/// again once encoded.
constexpr float always_fits = 65504.0f;
/// A value that came out smaller by this factor was lost, not rounded: the coarsest types represent
/// a block by its mean, over at most 256 values.
constexpr float lost_factor = 1.0f / 1024;

[[noreturn]] void throw_not_finite(const gguf::TensorInfo& info, std::uint64_t elem, float value) {
    throw Error(std::string("has the value ") +
                (std::isnan(value) ? "NaN" : (value > 0 ? "infinity" : "-infinity")) + " at " +
                place_of(info, elem) + "; the file is damaged, convert or download it again");
}

[[noreturn]] void throw_too_large(const gguf::TensorInfo& info, TensorType to, std::uint64_t elem) {
    throw Error("has values near " + place_of(info, elem) + " that are too large for " +
                std::string(type_name(to)) + "; choose another type, such as BF16 or F32");
}

/// Cuts a run of elements, which may start and end within rows and reach over several matrices,
/// into pieces of rows, or of one row, that have one set of weights: encode(elements done, rows,
/// columns, weights).
template <class Encode>
void for_each_weighted(const Conversion& conversion, std::uint64_t first_elem, std::uint64_t elems,
                       const Encode& encode) {
    const std::uint64_t cols = conversion.info->shape[0];
    const std::uint64_t matrix_rows = conversion.info->shape[1];
    std::uint64_t done = 0;
    while (done < elems) {
        const std::uint64_t elem = first_elem + done;
        const std::uint64_t row = elem / cols;
        const std::uint64_t col = elem % cols;
        const float* weights = conversion.weights + row / matrix_rows * cols + col;
        const std::uint64_t left = elems - done;
        const std::uint64_t rows =
            col == 0 ? std::min(left / cols, matrix_rows - row % matrix_rows) : 0;
        const std::uint64_t count = rows > 0 ? rows * cols : std::min(left, cols - col);
        const auto call_rows = static_cast<std::int64_t>(std::max<std::uint64_t>(rows, 1));
        encode(done, call_rows, static_cast<std::int64_t>(count) / call_rows, weights);
        done += count;
    }
}

float largest_magnitude(std::span<const float> values) {
    // Magnitudes of finite values order as the integers that their bits are.
    std::int32_t largest = 0;
    for (const float value : values) {
        largest = std::max(largest, std::bit_cast<std::int32_t>(value) & INT32_MAX);
    }
    return std::bit_cast<float>(largest);
}

/// The reference's published outputs hold such losses in these types, and the same bytes are law:
/// there they are warned of and everywhere else refused.
constexpr bool loss_is_tolerated(TensorType type) {
    return type == TensorType::Q3_K || type == TensorType::NVFP4;
}

/// Finite values that no scale of the type can represent must not pass for zeros: an Error, or for
/// some types the first element that is lost.
std::optional<std::uint64_t> find_lost(const Conversion& conversion, const Format& format,
                                       std::uint64_t first_elem, std::span<const float> values,
                                       const std::byte* blocks, Scratch& scratch) {
    const bool never_large = conversion.info->type == TensorType::F16;
    const bool checked_exactly = type_info(format.type).type_class == TypeClass::real;
    if (never_large || checked_exactly || largest_magnitude(values) <= always_fits) return {};
    const std::span<float> decoded = scratch.decoded.take(values.size());
    format.decode(blocks, static_cast<std::int64_t>(values.size()), decoded.data());
    const std::size_t block = type_info(format.type).block_elems;
    for (std::size_t at = 0; at < values.size(); at += block) {
        const std::span<const float> given = values.subspan(at, block);
        const float wanted = largest_magnitude(given);
        // Small values beside large ones may vanish; the largest of a block must not.
        const float got = largest_magnitude(decoded.subspan(at, block));
        if (wanted <= always_fits || got >= wanted * lost_factor) continue;
        const auto largest =
            std::ranges::find(given, wanted, [](float value) { return std::abs(value); });
        const std::uint64_t elem =
            first_elem + at + static_cast<std::uint64_t>(largest - given.begin());
        if (loss_is_tolerated(format.type)) return elem;
        throw_too_large(*conversion.info, format.type, elem);
    }
    return {};
}

/// Values can be too large for the scale of a block that was encoded.
void refuse_bad_blocks(const Conversion& conversion, const Format& format, std::uint64_t first_elem,
                       std::span<const std::byte> blocks) {
    const TypeInfo& type = type_info(format.type);
    const std::int64_t bad = format.find_bad_block(
        blocks.data(), static_cast<std::int64_t>(blocks.size() / type.block_bytes));
    if (bad < 0) return;
    throw_too_large(*conversion.info, format.type,
                    first_elem + static_cast<std::uint64_t>(bad) * type.block_elems);
}

std::optional<std::uint64_t> convert_tile(const Conversion& conversion, std::uint64_t first_elem,
                                          std::span<const std::byte> source,
                                          std::span<std::byte> target, std::span<float> values,
                                          Scratch& scratch) {
    const Format& format = *find_format(conversion.to);
    decode_checked(*conversion.info, first_elem, source, values);
    if (conversion.weights == nullptr) {
        format.encode(values.data(), 1, static_cast<std::int64_t>(values.size()), nullptr,
                      target.data());
    } else {
        for_each_weighted(
            conversion, first_elem, values.size(),
            [&](std::uint64_t done, std::int64_t rows, std::int64_t cols, const float* weights) {
                format.encode(values.data() + done, rows, cols, weights,
                              target.data() + bytes_of(format.type, done));
            });
    }
    refuse_bad_blocks(conversion, format, first_elem, target);
    return find_lost(conversion, format, first_elem, values, target.data(), scratch);
}

/// Encodes F16 as it lies there; binary32 in between would take up to a third of the whole run.
/// Returns the index of the first value that is not finite, -1 when there is none.
std::int64_t encode_f16(const Conversion& conversion, const Format& format,
                        std::uint64_t first_elem, std::span<const std::byte> source,
                        std::byte* target) {
    const std::uint64_t elems = source.size() / sizeof(std::uint16_t);
    if (conversion.weights == nullptr) {
        return format.encode_f16(source.data(), 1, static_cast<std::int64_t>(elems), nullptr,
                                 target);
    }
    std::int64_t bad = -1;
    for_each_weighted(
        conversion, first_elem, elems,
        [&](std::uint64_t done, std::int64_t rows, std::int64_t cols, const float* weights) {
            if (bad >= 0) return;
            bad = format.encode_f16(source.data() + done * sizeof(std::uint16_t), rows, cols,
                                    weights, target + bytes_of(format.type, done));
            if (bad >= 0) bad += static_cast<std::int64_t>(done);
        });
    return bad;
}

void convert_f16(const Conversion& conversion, const Format& format, std::uint64_t first_elem,
                 std::span<const std::byte> source, std::span<std::byte> target) {
    const gguf::TensorInfo& info = *conversion.info;
    const std::int64_t bad = encode_f16(conversion, format, first_elem, source, target.data());
    if (bad < 0) {
        if (!format.fits_f16) refuse_bad_blocks(conversion, format, first_elem, target);
        return;
    }
    // The source may lie under the target: the value as it came out then.
    const bool in_place = converts_in_place(info.type, conversion.to);
    const std::byte* const words = in_place ? target.data() : source.data();
    float value = 0;
    find_format(in_place ? conversion.to : info.type)->decode(words + 2 * bad, 1, &value);
    throw_not_finite(info, first_elem + static_cast<std::uint64_t>(bad), value);
}

}  // namespace

std::string place_of(const gguf::TensorInfo& info, std::uint64_t elem) {
    const std::uint64_t cols = std::max<std::uint64_t>(info.shape[0], 1);
    return "row " + std::to_string(elem / cols) + ", column " + std::to_string(elem % cols);
}

std::uint64_t bytes_of(TensorType type, std::uint64_t elems) {
    return row_bytes(type, elems);
}

Divisible divisible(const gguf::TensorInfo& info, TensorType to, bool weighted) {
    Divisible result;
    result.elems = info.elems();
    result.cols = std::max<std::uint64_t>(info.shape[0], 1);
    // Blocks are powers of two, so the larger is a multiple of the smaller.
    result.unit = std::max(type_info(info.type).block_elems, type_info(to).block_elems);
    const Format* format = find_format(to);
    result.whole_rows = info.type != to && weighted && format != nullptr && format->couples_row;
    return result;
}

void check_blocks(const gguf::TensorInfo& info, std::uint64_t first_elem,
                  std::span<const std::byte> blocks) {
    const Format* format = find_format(info.type);
    if (format == nullptr) return;
    const TypeInfo& type = type_info(info.type);
    const std::int64_t bad = format->find_bad_block(
        blocks.data(), static_cast<std::int64_t>(blocks.size() / type.block_bytes));
    if (bad < 0) return;
    const std::uint64_t elem = first_elem + static_cast<std::uint64_t>(bad) * type.block_elems;
    if (type.type_class == TypeClass::real) {
        float value = 0;
        format->decode(blocks.data() + static_cast<std::size_t>(bad) * type.block_bytes, 1, &value);
        throw_not_finite(info, elem, value);
    }
    throw Error("has a block whose scale is infinite or NaN at " + place_of(info, elem) +
                "; the file is damaged, convert or download it again");
}

void decode_checked(const gguf::TensorInfo& info, std::uint64_t first_elem,
                    std::span<const std::byte> blocks, std::span<float> values) {
    const auto count = static_cast<std::int64_t>(values.size());
    std::int64_t bad = -1;
    if (info.type == TensorType::F16) {
        bad = kernels::f16_to_f32_checked(blocks.data(), count, values.data());
    } else {
        // Of the other real types the words are looked at, which may be half as long as the values.
        const bool is_real = type_info(info.type).type_class == TypeClass::real;
        if (is_real) check_blocks(info, first_elem, blocks);
        find_format(info.type)->decode(blocks.data(), count, values.data());
        if (!is_real) bad = kernels::find_non_finite(values.data(), count);
    }
    if (bad >= 0) {
        throw_not_finite(info, first_elem + static_cast<std::uint64_t>(bad),
                         values[static_cast<std::size_t>(bad)]);
    }
}

bool converts_in_place(TensorType from, TensorType to) {
    return from == TensorType::F16 && to == TensorType::BF16;
}

std::optional<std::uint64_t> convert(const Conversion& conversion, const Chunk& chunk,
                                     std::span<const std::byte> source, std::span<std::byte> target,
                                     Scratch& scratch) {
    const gguf::TensorInfo& info = *conversion.info;
    if (!conversion.converts()) {
        check_blocks(info, chunk.begin, source);
        return std::nullopt;
    }
    if (type_info(info.type).type_class == TypeClass::quantized) {
        check_blocks(info, chunk.begin, source);
    }
    const Format& format = *find_format(conversion.to);
    const bool is_short = info.type == TensorType::F16 && format.encode_f16 != nullptr;
    // The short way holds no more values in binary32 than it works on.
    const std::uint64_t step =
        is_short ? chunk.elems()
                 : piece_elems(divisible(info, conversion.to, conversion.weights != nullptr),
                               static_cast<std::uint64_t>(format.preferred_elems));
    std::optional<std::uint64_t> lost;
    for (std::uint64_t done = 0; done < chunk.elems(); done += step) {
        const std::uint64_t count = std::min(step, chunk.elems() - done);
        const auto piece = source.subspan(bytes_of(info.type, done), bytes_of(info.type, count));
        const auto blocks =
            target.subspan(bytes_of(conversion.to, done), bytes_of(conversion.to, count));
        if (is_short) {
            convert_f16(conversion, format, chunk.begin + done, piece, blocks);
            continue;
        }
        const auto lost_here = convert_tile(conversion, chunk.begin + done, piece, blocks,
                                            scratch.values.take(count), scratch);
        if (!lost) lost = lost_here;
    }
    return lost;
}

}  // namespace quantize::pipeline

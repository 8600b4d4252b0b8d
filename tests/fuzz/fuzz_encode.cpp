// Any floats, with or without importance weights, as rows to encode, and the blocks decoded again.
// Finite values: every target writes the same bytes. NaN and infinities, which the program refuses
// before it encodes: no undefined behaviour and no access beyond the buffers all the same.
//
// The first four bytes pick the type, the number of rows and whether weights are given, what the
// other bytes mean as values, and what they mean as weights.
#include <algorithm>
#include <bit>
#include <cstring>

#include "base/float16.h"
#include "blocks_under_test.h"

namespace {

using namespace quantize;

/// Seventeen blocks of 256: one more than stand side by side.
constexpr std::size_t most_values = 4352;
/// So that rows stand side by side, with one left over.
constexpr std::size_t row_counts[] = {1, 2, 3, 17};
constexpr std::size_t most_bytes = most_values * sizeof(float);

/// Bytes to floats in several ways, since bytes taken as binary32 are rarely like weights.
enum class Meaning { binary32, bfloat16, binary16, small_integers };
constexpr unsigned meanings = 4;

class FloatReader {
 public:
    FloatReader(std::span<const std::uint8_t> bytes, unsigned meaning)
        : bytes_(bytes), meaning_(static_cast<Meaning>(meaning % meanings)) {}

    /// Starts again at the front when the bytes run out.
    float next() {
        switch (meaning_) {
            case Meaning::binary32:
                return std::bit_cast<float>(take(4));
            case Meaning::bfloat16:
                return bf16_to_f32(static_cast<std::uint16_t>(take(2)));
            case Meaning::binary16:
                return f16_to_f32(static_cast<std::uint16_t>(take(2)));
            case Meaning::small_integers:
                break;
        }
        return 0.125f * static_cast<float>(static_cast<std::int8_t>(take(1)));
    }

 private:
    std::uint32_t take(unsigned count) {
        std::uint32_t bits = 0;
        for (unsigned i = 0; i < count && !bytes_.empty(); ++i) {
            bits |= std::uint32_t{bytes_[at_++ % bytes_.size()]} << (8 * i);
        }
        return bits;
    }

    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
    Meaning meaning_;
};

bool all_finite(std::span<const float> values) {
    return std::ranges::all_of(values, [](float value) { return std::isfinite(value); });
}

struct Rows {
    std::int64_t rows = 1;
    std::int64_t cols = 0;
    std::span<float> values;
    std::span<float> weights;  ///< of one row; empty for none
};

/// As many whole rows as the input's bytes are enough for, and at least a block.
Rows read_rows(const Format& format, fuzz::Input input) {
    const std::size_t block = type_info(format.type).block_elems;
    const unsigned layout = input.byte();
    const unsigned values_meaning = input.byte();
    const unsigned weights_meaning = input.byte();
    const std::size_t rows = row_counts[layout % std::size(row_counts)];
    const std::size_t most_blocks = std::max(most_values / rows / block, std::size_t{1});
    const std::size_t blocks =
        std::clamp(input.rest().size() / rows / block, std::size_t{1}, most_blocks);

    Rows result{static_cast<std::int64_t>(rows), static_cast<std::int64_t>(blocks * block), {}, {}};
    static fuzz::GuardedPool<float> value_pool(most_values);
    static fuzz::GuardedPool<float> weight_pool(most_values);
    result.values = value_pool.take(rows * blocks * block);
    FloatReader floats(input.rest(), values_meaning);
    std::ranges::generate(result.values, [&] { return floats.next(); });
    const bool weighted = format.weight_use == WeightUse::required || (layout & 0x80u) != 0;
    if (!weighted) return result;
    result.weights = weight_pool.take(blocks * block);
    FloatReader more(input.rest().subspan(input.rest().size() / 2), weights_meaning);
    std::ranges::generate(result.weights, [&] { return more.next(); });
    return result;
}

/// Where the type has a short way from F16: the words as they are, which finds what is not finite,
/// and otherwise gives the blocks that lead over binary32.
void check_short_way(const Format& format, const Rows& rows, bool comparable_weights,
                     std::span<std::byte> blocks) {
    static fuzz::GuardedPool<std::uint16_t> half_pool(most_values);
    const auto halves = half_pool.take(rows.values.size());
    const float* const weights = rows.weights.empty() ? nullptr : rows.weights.data();
    std::ranges::transform(rows.values, halves.begin(), f32_to_f16);
    const auto is_bad = [](std::uint16_t half) { return (half & 0x7C00u) == 0x7C00u; };
    const auto first_bad = std::ranges::find_if(halves, is_bad);
    const std::int64_t bad = first_bad == halves.end() ? -1 : first_bad - halves.begin();
    std::vector<float> widened(halves.size());
    std::ranges::transform(halves, widened.begin(), f16_to_f32);
    std::vector<std::byte> expected(blocks.size());
    if (bad < 0) format.encode(widened.data(), rows.rows, rows.cols, weights, expected.data());
    fuzz::on_every_target([&](bool) {
        const auto* const bytes = reinterpret_cast<const std::byte*>(halves.data());
        fuzz::require(format.encode_f16(bytes, rows.rows, rows.cols, weights, blocks.data()) ==
                      bad);
        return bad >= 0 || !comparable_weights || std::ranges::equal(blocks, expected);
    });
}

/// What an importance matrix that was accepted can hold.
bool sound_weights(std::span<const float> weights) {
    return all_finite(weights) && std::ranges::all_of(weights, [](float w) { return w >= 0; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const Format& format = *fuzz::formats()[input.byte() % fuzz::formats().size()];
    if (format.encode == nullptr) return 0;
    const Rows rows = read_rows(format, input);
    const bool comparable = all_finite(rows.values) && sound_weights(rows.weights);
    const TypeInfo& info = type_info(format.type);
    const std::size_t count = rows.values.size() / info.block_elems;
    static fuzz::GuardedPool<std::byte> block_pool(most_bytes);
    const auto blocks = block_pool.take(count * info.block_bytes);
    const std::vector<float> values(rows.values.begin(), rows.values.end());
    std::vector<float> decoded(values.size());
    std::vector<std::byte> scalar;

    fuzz::on_every_target([&](bool is_scalar) {
        std::ranges::fill(blocks, is_scalar ? std::byte{0x5A} : std::byte{0xA5});
        format.encode(rows.values.data(), rows.rows, rows.cols,
                      rows.weights.empty() ? nullptr : rows.weights.data(), blocks.data());
        fuzz::require(
            std::memcmp(rows.values.data(), values.data(), values.size() * sizeof(float)) == 0);
        const std::int64_t bad =
            format.find_bad_block(blocks.data(), static_cast<std::int64_t>(count));
        format.decode(blocks.data(), static_cast<std::int64_t>(decoded.size()), decoded.data());
        fuzz::require(bad >= 0 || all_finite(decoded));
        if (!comparable) return true;
        if (is_scalar) scalar.assign(blocks.begin(), blocks.end());
        return std::ranges::equal(blocks, scalar);
    });
    if (format.encode_f16 != nullptr) {
        check_short_way(format, rows, sound_weights(rows.weights), blocks);
    }
    return 0;
}

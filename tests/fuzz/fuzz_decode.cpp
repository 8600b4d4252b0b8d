// Any bytes as blocks of any type: every target decodes them to the same floats, and blocks that
// find_bad_block() passes hold finite values only. The first byte picks the type.
#include <algorithm>
#include <cstring>

#include "blocks_under_test.h"

namespace {

using namespace quantize;

constexpr std::size_t most_bytes = 4096;
constexpr std::size_t most_values = 8 * most_bytes;  // no type packs more than eight into a byte

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::Input input(data, size);
    const Format& format = *fuzz::formats()[input.byte() % fuzz::formats().size()];
    const TypeInfo& info = type_info(format.type);
    const std::size_t count = std::min(input.rest().size(), most_bytes) / info.block_bytes;
    if (count == 0) return 0;

    static fuzz::GuardedPool<std::byte> block_pool(most_bytes);
    static fuzz::GuardedPool<float> value_pool(most_values);
    const auto blocks = block_pool.take(count * info.block_bytes);
    std::memcpy(blocks.data(), input.rest().data(), blocks.size());
    const auto decoded = value_pool.take(count * info.block_elems);
    std::vector<float> scalar;
    std::int64_t scalar_bad = -1;
    fuzz::on_every_target([&](bool is_scalar) {
        const std::int64_t bad =
            format.find_bad_block(blocks.data(), static_cast<std::int64_t>(count));
        format.decode(blocks.data(), static_cast<std::int64_t>(decoded.size()), decoded.data());
        if (is_scalar) {
            scalar.assign(decoded.begin(), decoded.end());
            scalar_bad = bad;
        }
        return bad == scalar_bad && fuzz::same_floats(decoded, scalar);
    });
    const auto finite = [](float value) { return std::isfinite(value); };
    if (scalar_bad < 0) fuzz::require(std::ranges::all_of(scalar, finite));
    return 0;
}

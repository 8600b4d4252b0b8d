// Bit planes by way of masks, one lane per level.
#include "kernels/bits.h"

#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/bits.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

/// At most 32 lanes, so that whole vectors make up any number of levels that is allowed.
using Bytes = hn::CappedTag<std::uint8_t, 32>;

void gather(const std::int8_t* HWY_RESTRICT levels, std::int64_t n, int bit,
            std::uint8_t* HWY_RESTRICT bits) {
    const Bytes d;
    const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto wanted = hn::Set(d, static_cast<std::uint8_t>(1 << bit));
    for (std::int64_t i = 0; i < n; i += lanes) {
        const auto level = hn::LoadU(d, reinterpret_cast<const std::uint8_t*>(levels) + i);
        hn::StoreMaskBits(d, hn::TestBit(level, wanted), bits + i / 8);
    }
}

void spread(const std::uint8_t* HWY_RESTRICT bits, std::int64_t n, int bit,
            std::int8_t* HWY_RESTRICT levels) {
    const Bytes d;
    const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(d));
    const auto wanted = hn::Set(d, static_cast<std::uint8_t>(1 << bit));
    for (std::int64_t i = 0; i < n; i += lanes) {
        // LoadMaskBits may read eight bytes, whatever the number of lanes.
        std::uint8_t mask_bytes[8] = {};
        std::memcpy(mask_bytes, bits + i / 8, static_cast<std::size_t>(lanes / 8));
        auto* const at = reinterpret_cast<std::uint8_t*>(levels) + i;
        const auto set = hn::IfThenElseZero(hn::LoadMaskBits(d, mask_bytes), wanted);
        hn::StoreU(hn::Or(hn::LoadU(d, at), set), d, at);
    }
}

}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(gather);
HWY_EXPORT(spread);

void gather_bits(const std::int8_t* levels, std::int64_t n, int bit, std::uint8_t* bits) {
    HWY_DYNAMIC_DISPATCH(gather)(levels, n, bit, bits);
}

void spread_bits(const std::uint8_t* bits, std::int64_t n, int bit, std::int8_t* levels) {
    HWY_DYNAMIC_DISPATCH(spread)(bits, n, bit, levels);
}

}  // namespace quantize::kernels
#endif  // HWY_ONCE

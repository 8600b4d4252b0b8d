// The registry: the code of every tensor type that can be converted, and the checked fronts.
#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "formats/families.h"
#include "quantize/error.h"

namespace quantize {
namespace {

using namespace formats;

// One line per type, in any order.
constexpr std::array registry{
    &f32,      //
    &f16,      //
    &bf16,     //
    &q4_0,     //
    &q4_1,     //
    &q5_0,     //
    &q5_1,     //
    &q8_0,     //
    &q2_k,     //
    &q3_k,     //
    &q4_k,     //
    &q5_k,     //
    &q6_k,     //
    &mxfp4,    //
    &nvfp4,    //
    &tq1_0,    //
    &tq2_0,    //
    &q1_0,     //
    &q2_0,     //
    &iq2_xxs,  //
    &iq2_xs,   //
    &iq2_s,    //
    &iq3_xxs,  //
    &iq3_s,    //
    &iq1_s,    //
    &iq1_m,    //
    &iq4_nl,   //
    &iq4_xs,   //
};

const Format& format_or_throw(TensorType type) {
    if (const Format* format = find_format(type)) return *format;
    throw Error("values of type " + std::string(type_name(type)) + " can only be copied");
}

[[noreturn]] void throw_size_mismatch(TensorType type) {
    throw Error("sizes of values and " + std::string(type_name(type)) + " blocks do not match");
}

}  // namespace

const Format* find_format(TensorType type) {
    const auto found = std::ranges::find(registry, type, [](const Format* f) { return f->type; });
    return found == registry.end() ? nullptr : *found;
}

void encode_rows(TensorType type, std::span<const float> values, std::int64_t cols,
                 std::span<const float> weights, std::span<std::byte> blocks) {
    const Format& format = format_or_throw(type);
    const TypeInfo& info = type_info(type);
    if (cols <= 0 || cols % info.block_elems != 0 || values.size() % cols != 0 ||
        blocks.size() != row_bytes(type, values.size()) ||
        (!weights.empty() && weights.size() != static_cast<std::size_t>(cols))) {
        throw_size_mismatch(type);
    }
    const auto finite = [](float v) { return std::isfinite(v); };
    if (!std::ranges::all_of(values, finite) || !std::ranges::all_of(weights, finite)) {
        throw Error("values and importance weights must be finite");
    }
    if (format.encode == nullptr) {
        throw Error("type " + std::string(type_name(type)) + " can be decoded only");
    }
    if (format.weight_use == WeightUse::required && weights.empty()) {
        throw Error("type " + std::string(type_name(type)) + " needs importance weights");
    }
    format.encode(values.data(), static_cast<std::int64_t>(values.size()) / cols, cols,
                  weights.empty() ? nullptr : weights.data(), blocks.data());
}

void decode_rows(TensorType type, std::span<const std::byte> blocks, std::span<float> values) {
    const Format& format = format_or_throw(type);
    if (values.size() % type_info(type).block_elems != 0 ||
        blocks.size() != row_bytes(type, values.size())) {
        throw_size_mismatch(type);
    }
    format.decode(blocks.data(), static_cast<std::int64_t>(values.size()), values.data());
}

}  // namespace quantize

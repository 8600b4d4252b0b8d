// The Format of a K type, of one encoder that takes values in either form.
#pragma once

#include "formats/either_form.h"
#include "formats/k_blocks.h"
#include "quantize/format.h"

namespace quantize::formats {

template <auto kEncode, auto kDecode, auto kFindBadBlock>
constexpr Format make_k_format(TensorType type) noexcept {
    return {
        .type = type,
        .weight_use = WeightUse::optional,
        .couples_row = false,
        .encode = encode_floats<kEncode>,
        .decode = kDecode,
        .find_bad_block = kFindBadBlock,
        .preferred_elems = group_elems,
        .encode_f16 = encode_halves<kEncode>,
    };
}

}  // namespace quantize::formats

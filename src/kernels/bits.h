// One bit of each level, gathered into bytes and spread out again: bit m of byte i belongs to
// level 8 i + m.
#pragma once

#include <cstdint>

namespace quantize::kernels {

/// Writes bit `bit` of each of `n` levels, a multiple of 32, to n / 8 bytes.
void gather_bits(const std::int8_t* levels, std::int64_t n, int bit, std::uint8_t* bits);

/// Sets bit `bit` of those of `n` levels whose bit is set; the others stay as they are.
void spread_bits(const std::uint8_t* bits, std::int64_t n, int bit, std::int8_t* levels);

}  // namespace quantize::kernels

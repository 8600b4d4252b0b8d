// Bounds on what a header may ask for. Every count and length is first held against the size of the
// file; these bounds are for what a file padded with zeros to any size could still claim.
#pragma once

#include <cstdint>

namespace quantize::gguf {

/// Length of the whole header. The largest published ones (vocabularies of a quarter million tokens
/// with their merges) take about 20 MB, so this leaves room for several times that; reading needs
/// twice this much memory, which keeps the tool below 256 MiB.
inline constexpr std::uint64_t max_header_bytes = std::uint64_t{112} << 20;

/// The largest published models have some 70 thousand tensors (each expert's matrices apart).
inline constexpr std::uint64_t max_tensors = std::uint64_t{1} << 18;

/// Models have some dozens of keys; tools that store a file per key stay in the thousands.
inline constexpr std::uint64_t max_keys = std::uint64_t{1} << 16;

/// Tensor names in ggml are arrays of 64 bytes with a closing zero: no program built on it can read
/// a longer name.
inline constexpr std::uint64_t max_tensor_name_bytes = 63;

/// Arrays within arrays. No known file nests at all; the bound keeps the parser's recursion short.
inline constexpr unsigned max_array_nesting = 8;

/// The largest huge pages in common use, times eight. Padding costs memory (the header's) and disk
/// (each tensor's), so an alignment of gigabytes is an attack, whatever the size of the file.
inline constexpr std::uint64_t max_alignment = std::uint64_t{1} << 24;

/// Elements in a tensor: ggml counts them in a signed 64-bit number.
inline constexpr std::uint64_t max_tensor_elems = INT64_MAX - 1;

/// Bytes that the smallest possible key (length, one letter, type, one byte) and tensor entry
/// (empty name, no dimensions) take: bound both counts by the size of the file.
inline constexpr std::uint64_t min_key_bytes = 8 + 1 + 4 + 1;
inline constexpr std::uint64_t min_tensor_entry_bytes = 8 + 4 + 4 + 8;

}  // namespace quantize::gguf

// The tensor types of GGUF: number, name and block size of each, in one table.
// Source: the enumeration ggml_type and the block structures of ggml 0.18.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace quantize {

/// A tensor's storage type; the values are the numbers that GGUF files carry.
enum class TensorType : std::uint32_t {
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q5_0 = 6,
    Q5_1 = 7,
    Q8_0 = 8,
    Q8_1 = 9,
    Q2_K = 10,
    Q3_K = 11,
    Q4_K = 12,
    Q5_K = 13,
    Q6_K = 14,
    Q8_K = 15,
    IQ2_XXS = 16,
    IQ2_XS = 17,
    IQ3_XXS = 18,
    IQ1_S = 19,
    IQ4_NL = 20,
    IQ3_S = 21,
    IQ2_S = 22,
    IQ4_XS = 23,
    I8 = 24,
    I16 = 25,
    I32 = 26,
    I64 = 27,
    F64 = 28,
    IQ1_M = 29,
    BF16 = 30,
    TQ1_0 = 34,
    TQ2_0 = 35,
    MXFP4 = 39,
    NVFP4 = 40,
    Q1_0 = 41,
    Q2_0 = 42,
};

/// What a type's values are; decides what may be done with a tensor of the type.
enum class TypeClass {
    real,       ///< F32, F16, BF16: may always be converted
    quantized,  ///< blocks with scales: converted only when requantizing is allowed
    verbatim,   ///< integers, F64 and in-memory helper types: only ever copied
};

/// One row of the table: everything about a type that is not code.
struct TypeInfo {
    TensorType type;
    std::string_view name;  ///< as people write it, "Q5_K"
    TypeClass type_class;
    std::uint32_t block_elems;  ///< weights in a block
    std::uint32_t block_bytes;  ///< bytes of a block
    constexpr double bits_per_weight() const { return 8.0 * block_bytes / block_elems; }
};

inline constexpr std::array<TypeInfo, 35> tensor_types{{
    {TensorType::F32, "F32", TypeClass::real, 1, 4},
    {TensorType::F16, "F16", TypeClass::real, 1, 2},
    {TensorType::Q4_0, "Q4_0", TypeClass::quantized, 32, 18},
    {TensorType::Q4_1, "Q4_1", TypeClass::quantized, 32, 20},
    {TensorType::Q5_0, "Q5_0", TypeClass::quantized, 32, 22},
    {TensorType::Q5_1, "Q5_1", TypeClass::quantized, 32, 24},
    {TensorType::Q8_0, "Q8_0", TypeClass::quantized, 32, 34},
    {TensorType::Q8_1, "Q8_1", TypeClass::verbatim, 32, 36},
    {TensorType::Q2_K, "Q2_K", TypeClass::quantized, 256, 84},
    {TensorType::Q3_K, "Q3_K", TypeClass::quantized, 256, 110},
    {TensorType::Q4_K, "Q4_K", TypeClass::quantized, 256, 144},
    {TensorType::Q5_K, "Q5_K", TypeClass::quantized, 256, 176},
    {TensorType::Q6_K, "Q6_K", TypeClass::quantized, 256, 210},
    {TensorType::Q8_K, "Q8_K", TypeClass::verbatim, 256, 292},
    {TensorType::IQ2_XXS, "IQ2_XXS", TypeClass::quantized, 256, 66},
    {TensorType::IQ2_XS, "IQ2_XS", TypeClass::quantized, 256, 74},
    {TensorType::IQ3_XXS, "IQ3_XXS", TypeClass::quantized, 256, 98},
    {TensorType::IQ1_S, "IQ1_S", TypeClass::quantized, 256, 50},
    {TensorType::IQ4_NL, "IQ4_NL", TypeClass::quantized, 32, 18},
    {TensorType::IQ3_S, "IQ3_S", TypeClass::quantized, 256, 110},
    {TensorType::IQ2_S, "IQ2_S", TypeClass::quantized, 256, 82},
    {TensorType::IQ4_XS, "IQ4_XS", TypeClass::quantized, 256, 136},
    {TensorType::I8, "I8", TypeClass::verbatim, 1, 1},
    {TensorType::I16, "I16", TypeClass::verbatim, 1, 2},
    {TensorType::I32, "I32", TypeClass::verbatim, 1, 4},
    {TensorType::I64, "I64", TypeClass::verbatim, 1, 8},
    {TensorType::F64, "F64", TypeClass::verbatim, 1, 8},
    {TensorType::IQ1_M, "IQ1_M", TypeClass::quantized, 256, 56},
    {TensorType::BF16, "BF16", TypeClass::real, 1, 2},
    {TensorType::TQ1_0, "TQ1_0", TypeClass::quantized, 256, 54},
    {TensorType::TQ2_0, "TQ2_0", TypeClass::quantized, 256, 66},
    {TensorType::MXFP4, "MXFP4", TypeClass::quantized, 32, 17},
    {TensorType::NVFP4, "NVFP4", TypeClass::quantized, 64, 36},
    {TensorType::Q1_0, "Q1_0", TypeClass::quantized, 128, 18},
    {TensorType::Q2_0, "Q2_0", TypeClass::quantized, 64, 18},
}};

/// The table's row for `type`, or null when the number is no type that is known.
constexpr const TypeInfo* find_type(std::uint32_t number) {
    for (const TypeInfo& info : tensor_types) {
        if (static_cast<std::uint32_t>(info.type) == number) return &info;
    }
    return nullptr;
}

/// The table's row for a type that is known to be in it (every enumerator is).
constexpr const TypeInfo& type_info(TensorType type) {
    return *find_type(static_cast<std::uint32_t>(type));
}

constexpr std::string_view type_name(TensorType type) {
    return type_info(type).name;
}

/// The type of that name, in any case of letters; nothing when there is none.
std::optional<TensorType> parse_tensor_type(std::string_view name);

/// Bytes of a row of `elems` weights; `elems` must be a multiple of the type's block.
constexpr std::uint64_t row_bytes(TensorType type, std::uint64_t elems) {
    const TypeInfo& info = type_info(type);
    return elems / info.block_elems * info.block_bytes;
}

}  // namespace quantize

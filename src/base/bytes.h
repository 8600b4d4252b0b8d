// Bytes of untrusted files: a cursor that cannot leave its bounds, arithmetic that reports
// overflow, and little-endian numbers.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace quantize {

/// a + b; nothing when that does not fit in 64 bits.
std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b);
/// a * b; nothing when that does not fit in 64 bits.
std::optional<std::uint64_t> checked_multiply(std::uint64_t a, std::uint64_t b);
/// `value` rounded up to a multiple of `alignment`, a power of two; nothing on overflow.
std::optional<std::uint64_t> checked_round_up(std::uint64_t value, std::uint64_t alignment);

namespace detail {
template <std::size_t Bytes>
using UnsignedOfSize = std::conditional_t<
    Bytes == 1, std::uint8_t,
    std::conditional_t<Bytes == 2, std::uint16_t,
                       std::conditional_t<Bytes == 4, std::uint32_t, std::uint64_t>>>;
}  // namespace detail

/// The number whose little-endian bytes start at `bytes` (sizeof(T) of them are read).
template <class T>
T load_le(const void* bytes) {
    static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8);
    using Bits = detail::UnsignedOfSize<sizeof(T)>;
    const auto* source = static_cast<const unsigned char*>(bytes);
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i)
        bits |= std::uint64_t{source[i]} << (8 * i);
    return std::bit_cast<T>(static_cast<Bits>(bits));
}

/// Appends the little-endian bytes of `value`.
template <class T>
void append_le(std::string& out, T value) {
    static_assert(std::is_arithmetic_v<T> && sizeof(T) <= 8);
    const auto bits = std::bit_cast<detail::UnsignedOfSize<sizeof(T)>>(value);
    for (std::size_t i = 0; i < sizeof(T); ++i) {
        out.push_back(static_cast<char>((std::uint64_t{bits} >> (8 * i)) & 0xFFu));
    }
}

/// Reads forward through bytes and never beyond them: whatever does not fit is not there.
class ByteCursor {
 public:
    explicit ByteCursor(std::span<const std::byte> bytes) : bytes_(bytes) {}
    explicit ByteCursor(std::string_view bytes)
        : bytes_(reinterpret_cast<const std::byte*>(bytes.data()), bytes.size()) {}

    std::size_t position() const { return at_; }
    std::size_t remaining() const { return bytes_.size() - at_; }

    /// The next `count` bytes; nothing, and no step forward, when there are fewer.
    std::optional<std::span<const std::byte>> take(std::uint64_t count) {
        if (count > remaining()) return std::nullopt;
        const auto taken = bytes_.subspan(at_, static_cast<std::size_t>(count));
        at_ += taken.size();
        return taken;
    }

    /// The next little-endian number.
    template <class T>
    std::optional<T> take_le() {
        const auto taken = take(sizeof(T));
        if (!taken) return std::nullopt;
        return load_le<T>(taken->data());
    }

    /// The next `count` bytes as text.
    std::optional<std::string_view> take_text(std::uint64_t count) {
        const auto taken = take(count);
        if (!taken) return std::nullopt;
        return std::string_view(reinterpret_cast<const char*>(taken->data()), taken->size());
    }

 private:
    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
};

}  // namespace quantize

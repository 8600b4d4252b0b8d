// Arithmetic on sizes that come from files: overflow is an answer, never a wrapped number.
#include "base/bytes.h"

namespace quantize {

std::optional<std::uint64_t> checked_add(std::uint64_t a, std::uint64_t b) {
    if (a > UINT64_MAX - b) return std::nullopt;
    return a + b;
}

std::optional<std::uint64_t> checked_multiply(std::uint64_t a, std::uint64_t b) {
    if (b != 0 && a > UINT64_MAX / b) return std::nullopt;
    return a * b;
}

std::optional<std::uint64_t> checked_round_up(std::uint64_t value, std::uint64_t alignment) {
    const auto raised = checked_add(value, alignment - 1);
    if (!raised) return std::nullopt;
    return *raised & ~(alignment - 1);
}

}  // namespace quantize

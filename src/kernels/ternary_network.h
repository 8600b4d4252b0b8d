// The sorting network of the splits of IQ1_S and IQ1_M, as a table of comparators.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace quantize::kernels::ternary {

struct Comparator {
    std::uint8_t low, high;
};

/// Calls `visit(low, high)` for each comparator of Batcher's odd-even merge sort, in order.
template <class Visit>
constexpr void visit_comparators(std::size_t n, Visit visit) {
    for (std::size_t p = 1; p < n; p *= 2) {
        for (std::size_t k = p; k >= 1; k /= 2) {
            for (std::size_t j = k % p; j + k < n; j += 2 * k) {
                for (std::size_t i = j; i < j + k && i + k < n; ++i) {
                    if (i / (2 * p) == (i + k) / (2 * p)) visit(i, i + k);
                }
            }
        }
    }
}

template <std::size_t n>
constexpr auto make_network() {
    constexpr std::size_t size = [] {
        std::size_t count = 0;
        visit_comparators(n, [&](std::size_t, std::size_t) { ++count; });
        return count;
    }();
    std::array<Comparator, size> network{};
    std::size_t at = 0;
    visit_comparators(n, [&](std::size_t low, std::size_t high) {
        network[at++] = {static_cast<std::uint8_t>(low), static_cast<std::uint8_t>(high)};
    });
    return network;
}

template <std::size_t n>
inline constexpr auto network = make_network<n>();

}  // namespace quantize::kernels::ternary

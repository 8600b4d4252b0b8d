// The fit of the grid types as a plain loop over everything: one sub-block, one scale, one group
// and one neighbour at a time, nothing skipped. What the kernels are held against where they skip.
#pragma once

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "formats/iq_grids.h"
#include "kernels/lattice_spec.h"

namespace quantize::test {

/// How often searches had a near tie between the best two neighbours.
struct TieCount {
    int equal = 0;    ///< computed distances are the same
    int near_by = 0;  ///< they differ by less than a millionth
};

template <class Spec>
class LatticeModel {
 public:
    static constexpr std::size_t size = Spec::sub_block;
    static constexpr std::size_t groups = size / Spec::dims;
    static constexpr int candidates = 2 * Spec::reach + 1;

    struct Result {
        float scale = 0;
        std::uint32_t signs = 0;
        std::array<std::uint16_t, groups> words{};
    };

    explicit LatticeModel(const formats::Grid& grid) : grid_(grid) {}

    static float variance_of(std::span<const float> block) {
        float sum = 0;
        for (const float x : block)
            sum += x * x;
        return Spec::variance_factor * sum / 256;
    }

    static float weight_of(float x, const float* importance, float variance) {
        if (importance != nullptr) return *importance * std::sqrt(variance + x * x);
        if (Spec::unweighted == kernels::lattice::Unweighted::square_and_quarter) {
            return 0.25f * variance + x * x;
        }
        return x * x;
    }

    /// The scale of candidate `c` for a sub-block whose largest magnitude is `largest`.
    static float inverse_scale(int c, float largest) {
        const float step = static_cast<float>(c - Spec::reach) * Spec::step;
        return (static_cast<float>(2 * Spec::levels - 1) + step) / largest;
    }

    Result fit(std::span<const float> values, const float* importance, float variance) {
        take(values, importance, variance);
        Result result;
        const float largest = *std::ranges::max_element(values_);
        if (largest < Spec::smallest_maximum) return result;
        float scale = largest / static_cast<float>(2 * Spec::levels - 1);
        float best = 0;
        Points points{};
        points.off_grid.fill(!Spec::starts_on_grid);
        for (int c = 0; c < candidates; ++c) {
            const float inverse = inverse_scale(c, largest);
            Points trial;
            for (std::size_t g = 0; g < groups; ++g)
                place(g, inverse, 1 / inverse, trial);
            const auto [product, square] = sums(trial);
            if (!(square > 0 && product * product > best * square)) continue;
            scale = product / square;
            best = scale * product;
            points = trial;
        }
        scale = refit(scale, points);
        result.signs = signs_;
        if (scale < 0) {
            scale = -scale;
            result.signs = ~result.signs;
        }
        result.scale = scale;
        result.words = points.words;
        return result;
    }

    TieCount ties;

 private:
    struct Points {
        std::array<std::uint16_t, groups> words;
        std::array<bool, groups> off_grid;
    };
    struct Sums {
        float product, square;
    };

    static float odd(unsigned level) { return static_cast<float>(2 * level + 1); }
    static unsigned level_of(std::uint16_t word, std::size_t i) {
        return Spec::levels == 3 ? word >> (2 * i) & 3u : word >> (4 * i) & 7u;
    }

    void take(std::span<const float> values, const float* importance, float variance) {
        signs_ = 0;
        for (std::size_t first = 0; first < size; first += 8) {
            int negative = 0;
            std::size_t least = first;
            for (std::size_t i = first; i < first + 8; ++i) {
                const float x = values[i];
                weights_[i] = weight_of(x, importance ? importance + i : nullptr, variance);
                values_[i] = std::fabs(x);
                signs_ |= static_cast<std::uint32_t>(x < 0) << i;
                negative += x < 0;
                if (weights_[i] * x * x < weights_[least] * values[least] * values[least])
                    least = i;
            }
            if (Spec::even_signs && negative % 2 != 0) {
                signs_ ^= 1u << least;
                values_[least] = -values_[least];
            }
        }
    }

    /// Rounds group `g` and finds its point.
    void place(std::size_t g, float inverse, float scale, Points& points) {
        const float* const x = &values_[g * Spec::dims];
        std::uint32_t code = 0;
        for (std::size_t i = Spec::dims; i-- > 0;) {
            const float level = std::nearbyint(0.5f * (inverse * x[i] - 1));
            const float top = Spec::levels - 1;
            code = code * Spec::levels + static_cast<std::uint32_t>(std::clamp(level, 0.0f, top));
        }
        const std::int32_t entry = grid_.short_map[code];
        points.off_grid[g] = kernels::is_packed_list(entry);
        points.words[g] = points.off_grid[g] ? search(g, scale, kernels::unpack_list(entry))
                                             : static_cast<std::uint16_t>(entry);
    }

    std::uint16_t search(std::size_t g, float scale, kernels::NeighbourList list) {
        float best = FLT_MAX;
        float second = FLT_MAX;
        std::uint16_t found = 0;
        for (std::uint32_t n = list.begin; n < list.begin + list.count; ++n) {
            const std::uint16_t word = grid_.short_neighbours[n];
            float distance = 0;
            for (std::size_t i = 0; i < Spec::dims; ++i) {
                const std::size_t at = g * Spec::dims + i;
                const float difference = scale * odd(level_of(word, i)) - values_[at];
                distance += std::sqrt(weights_[at]) * difference * difference;
            }
            second = std::min(second, std::max(best, distance));
            if (distance < best) {
                best = distance;
                found = word;
            }
        }
        ties.equal += second == best;
        ties.near_by += second - best < 1e-6f * best;
        return found;
    }

    Sums sums(const Points& points) const {
        Sums sum{0, 0};
        for (std::size_t i = 0; i < size; ++i) {
            const float q = odd(level_of(points.words[i / Spec::dims], i % Spec::dims));
            sum.product += weights_[i] * values_[i] * q;
            sum.square += weights_[i] * q * q;
        }
        return sum;
    }

    float refit(float scale, Points& points) {
        using kernels::lattice::Refit;
        const bool any = std::ranges::count(points.off_grid, true) != 0;
        if (!(scale > 0) || (Spec::refit != Refit::always && !any)) return scale;
        for (std::size_t g = 0; g < groups; ++g) {
            if (Spec::refit == Refit::off_grid_groups && !points.off_grid[g]) continue;
            place(g, 1 / scale, scale, points);
        }
        const auto [product, square] = sums(points);
        return square > 0 ? product / square : scale;
    }

    const formats::Grid& grid_;
    std::array<float, size> values_;
    std::array<float, size> weights_;
    std::uint32_t signs_ = 0;
};

}  // namespace quantize::test

// Plain scalar forms of the searches' definitions, one problem at a time, for the tests to compare
// with.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "kernels/fit.h"

namespace quantize::kernels::plain {

inline int nearest(float v) {
    const float shifted = v + 12582912.0f;
    return static_cast<int>(std::bit_cast<std::uint32_t>(shifted) & 0x007FFFFFu) - 0x00400000;
}

inline int clamped(float v, int lowest, int highest) {
    return std::clamp(nearest(v), lowest, highest);
}

using Values = std::vector<float>;

struct Affine {
    float scale, min, inverse, base, weight_sum;
    bool min_above_all = false;  ///< rounding errors took a min above all values
};

inline float affine_error(const AffineSpec& spec, const Values& x, const Values& w,
                          const std::vector<int>& levels, float scale, float min) {
    float sum = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const float diff = scale * static_cast<float>(levels[i]) + min - x[i];
        sum += w[i] * (spec.absolute_error ? std::fabs(diff) : diff * diff);
    }
    return sum;
}

inline std::vector<int> affine_levels(const AffineSpec& spec, const Values& x, float inverse,
                                      float base) {
    std::vector<int> levels;
    for (const float v : x)
        levels.push_back(clamped(inverse * (v - base), 0, spec.levels));
    return levels;
}

inline Affine plain_affine(const AffineSpec& spec, const Values& x, const Values& w) {
    float min = x[0], max = x[0], sum_w = w[0], sum_x = w[0] * x[0];
    for (std::size_t i = 1; i < x.size(); ++i) {
        if (x[i] < min) min = x[i];
        if (x[i] > max) max = x[i];
        sum_w += w[i];
        sum_x += w[i] * x[i];
    }
    if (min > 0) min = 0;
    if (max <= min) return {0, -min, 0, 0, sum_w + 0.0f};
    const auto highest = static_cast<float>(spec.levels);
    float inverse = highest / (max - min), base = min, scale = 1 / inverse;
    float best = affine_error(spec, x, w, affine_levels(spec, x, inverse, base), scale, min);
    bool min_above_all = false;
    for (int k = 0; k <= spec.last; ++k) {
        const float trial =
            (spec.first + spec.step * static_cast<float>(k) + highest) / (max - min);
        const std::vector<int> levels = affine_levels(spec, x, trial, min);
        float l = 0, ll = 0, xl = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto level = static_cast<float>(levels[i]);
            l += w[i] * level;
            ll += w[i] * level * level;
            xl += w[i] * level * x[i];
        }
        const float determinant = sum_w * ll - l * l;
        if (!(determinant > 0)) continue;
        float new_scale = (sum_w * xl - sum_x * l) / determinant;
        float new_min = (ll * sum_x - l * xl) / determinant;
        if (new_min > 0) {
            new_min = 0;
            new_scale = xl / ll;
        }
        const float error = affine_error(spec, x, w, levels, new_scale, new_min);
        if (!(error < best)) continue;
        best = error;
        scale = new_scale;
        inverse = trial;
        base = min;
        min = new_min;
        min_above_all |= min > max;
    }
    return {scale, -min, inverse, base, sum_w + 0.0f, min_above_all};
}

inline float first_largest(const Values& x) {
    float largest = 0;
    for (const float v : x) {
        if (std::fabs(v) > std::fabs(largest)) largest = v;
    }
    return largest;
}

struct Sums {
    float xl = 0, ll = 0;
};

inline Sums level_sums(const Values& x, const Values& w, const std::vector<int>& levels) {
    Sums sums;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto level = static_cast<float>(levels[i]);
        sums.xl += w[i] * x[i] * level;
        sums.ll += w[i] * level * level;
    }
    return sums;
}

inline std::vector<int> product_levels(const Values& x, float inverse, int lowest, int highest) {
    std::vector<int> levels;
    for (const float v : x)
        levels.push_back(clamped(inverse * v, lowest, highest));
    return levels;
}

struct Symmetric {
    float scale, inverse;
};

inline Symmetric plain_symmetric(const SymmetricSpec& spec, const Values& x, const Values& w) {
    const float largest = first_largest(x);
    if (std::fabs(largest) < smallest_magnitude) return {0, 0};
    const auto half = static_cast<float>(spec.levels);
    Symmetric found{0, -half / largest};
    Sums sums = level_sums(x, w, product_levels(x, found.inverse, -spec.levels, spec.levels - 1));
    found.scale = sums.ll == 0 ? 0 : sums.xl / sums.ll;
    float best = found.scale * sums.xl;
    for (int k = -spec.reach; k <= spec.reach; ++k) {
        if (k == 0) continue;
        const float trial = -(half + spec.step * static_cast<float>(k)) / largest;
        sums = level_sums(x, w, product_levels(x, trial, -spec.levels, spec.levels - 1));
        if (sums.ll > 0 && sums.xl * sums.xl > best * sums.ll) {
            found = {sums.xl / sums.ll, trial};
            best = found.scale * sums.xl;
        }
    }
    return found;
}

/// The descent of both searches; `unsigned_bytes` for that of positive values.
inline float plain_descent(const Values& x, const Values& w, std::vector<int>& levels, Sums sums,
                           int lowest, int highest, bool unsigned_bytes, int* rounds = nullptr) {
    for (int round = 0; round < 5; ++round) {
        bool moved = false;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const auto old = static_cast<float>(levels[i]);
            Sums trial{sums.xl - w[i] * x[i] * old, sums.ll - w[i] * old * old};
            if (!(trial.xl > 0) || (unsigned_bytes && !(trial.ll > 0))) continue;
            const int wanted = clamped(x[i] * trial.ll / trial.xl, lowest, highest);
            if (wanted == levels[i]) continue;
            const auto level = static_cast<float>(wanted);
            trial.xl += w[i] * x[i] * level;
            trial.ll += w[i] * level * level;
            if (!unsigned_bytes && !(trial.ll > 0)) continue;
            if (!(trial.xl * trial.xl * sums.ll > sums.xl * sums.xl * trial.ll)) continue;
            levels[i] = unsigned_bytes ? wanted & 0xFF : wanted;
            sums = trial;
            moved = true;
        }
        if (!moved) break;
        if (rounds != nullptr) *rounds = round + 1;
    }
    return sums.ll > 0 ? sums.xl / sums.ll : 0;
}

struct Levelled {
    float scale = 0;
    std::vector<int> levels;
    int rounds = 0;  ///< of a symmetric descent, in which something moved
};

inline Levelled plain_symmetric_descent(int half, const Values& x) {
    Values w;
    for (const float v : x)
        w.push_back(v * v);
    const float largest = first_largest(x);
    if (std::fabs(largest) < smallest_magnitude) return {0, std::vector<int>(x.size(), 0)};
    Levelled found;
    found.levels = product_levels(x, static_cast<float>(-half) / largest, -half, half - 1);
    const Sums sums = level_sums(x, w, found.levels);
    found.scale = plain_descent(x, w, found.levels, sums, -half, half - 1, false, &found.rounds);
    for (int& level : found.levels)
        level += half;
    return found;
}

inline Levelled plain_positive(const PositiveSpec& spec, const Values& x, const Values& w) {
    float largest = 0;
    for (const float v : x)
        largest = largest > v ? largest : v;
    if (largest < smallest_magnitude) return {0, std::vector<int>(x.size(), 0)};
    constexpr int any = -(1 << 30);
    const auto highest = static_cast<float>(spec.levels);
    const auto error = [&](float inverse, bool start) {
        const float scale = 1 / inverse;
        float sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            const int level = nearest(inverse * x[i]);
            const int used = start ? level & 0xFF : std::min(level, spec.levels);
            const float diff = x[i] - scale * static_cast<float>(used);
            sum += w[i] * diff * diff;
        }
        return sum;
    };
    float inverse = highest / largest;
    float best = error(inverse, true);
    for (int k = -spec.reach; k <= spec.reach; ++k) {
        if (k == 0) continue;
        const float trial = (spec.step * static_cast<float>(k) + highest) / largest;
        const float e = error(trial, false);
        if (e < best) {
            best = e;
            inverse = trial;
        }
    }
    Levelled found;
    found.levels = product_levels(x, inverse, any, spec.levels);
    const Sums sums = level_sums(x, w, found.levels);
    for (int& level : found.levels)
        level &= 0xFF;
    found.scale = plain_descent(x, w, found.levels, sums, any, spec.levels, true);
    return found;
}

}  // namespace quantize::kernels::plain

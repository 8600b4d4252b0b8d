// The symmetric search: a scale for levels -n .. n - 1, taken from a sweep of candidates around the
// scale that maps the value of largest magnitude to -n. Candidates do not depend on each other, so
// two of them run at once to hide the latency of their sums; they are judged in order.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/fit_symmetric.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/fit.h"
#include "kernels/fit_load-inl.h"
#include "kernels/fit_tile-inl.h"
#include "kernels/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels::HWY_NAMESPACE {
namespace {

/// A tile with the products weight * value.
struct ProductTile : Tile {
    float gap[gap_after_tile(512)];
    HWY_ALIGN float weighted_values[max_problem_size * max_columns];
};

/// One vector of problems: where its column starts.
struct Column {
    const Tile& tile;
    float* weighted_values;
    std::size_t column;
    int levels;
};

struct Found {
    HWY_ALIGN float scale[max_columns];
    HWY_ALIGN float inverse[max_columns];
    HWY_ALIGN float weight_sum[max_columns];
};

/// kBelow: some level may lie below the lowest one. Minima of floats share x86's units with
/// additions, of which there are fewer here than multiplications: one clamp fits in beside them,
/// the second had better be of integers.
template <bool kBelow>
HWY_INLINE Floats level_of(Floats x, Floats inverse, Floats lowest, Floats highest) {
    const Floats level = nearest_in_range(hn::Mul(inverse, x));
    if constexpr (kBelow) return clamp_to_positive(hn::Max(level, lowest), highest);
    return hn::Min(level, highest);
}

/// Adds weight * value * level and weight * level^2.
HWY_INLINE void add_terms(Floats w, Floats wx, Floats level, Floats& xl, Floats& ll) {
    xl = hn::Add(xl, hn::Mul(wx, level));
    ll = hn::Add(ll, hn::Mul(hn::Mul(w, level), level));
}

/// The sums for the candidate that starts the search, and the products weight * value for the
/// others. No level is out of nearest_in_range()'s reach: |inverse * value| is at most levels +
/// step * reach, nearly.
HWY_INLINE void sum_start(const Column& c, Floats inverse, Floats& xl, Floats& ll) {
    const FloatTag d;
    const Floats highest = hn::Set(d, static_cast<float>(c.levels - 1));
    xl = ll = hn::Zero(d);
    const std::size_t columns = c.tile.columns;
    const std::size_t end = c.tile.size * columns;
    for (std::size_t at = c.column; at < end; at += columns) {
        const Floats x = hn::Load(d, c.tile.values + at);
        const Floats w = hn::Load(d, c.tile.weights + at);
        const Floats wx = hn::Mul(w, x);
        hn::Store(wx, d, c.weighted_values + at);
        add_terms(w, wx, level_of<false>(x, inverse, highest, highest), xl, ll);
    }
}

/// The sums for two candidates.
template <bool kBelow>
HWY_INLINE void sum_two(const Column& c, Floats inverse_a, Floats inverse_b, Floats& xl_a,
                        Floats& xl_b, Floats& ll_a, Floats& ll_b) {
    const FloatTag d;
    const Floats lowest = hn::Set(d, static_cast<float>(-c.levels));
    const Floats highest = hn::Set(d, static_cast<float>(c.levels - 1));
    xl_a = xl_b = ll_a = ll_b = hn::Zero(d);
    const std::size_t columns = c.tile.columns;
    const std::size_t end = c.tile.size * columns;
    for (std::size_t at = c.column; at < end; at += columns) {
        const Floats x = hn::Load(d, c.tile.values + at);
        const Floats w = hn::Load(d, c.tile.weights + at);
        const Floats wx = hn::Load(d, c.weighted_values + at);
        add_terms(w, wx, level_of<kBelow>(x, inverse_a, lowest, highest), xl_a, ll_a);
        add_terms(w, wx, level_of<kBelow>(x, inverse_b, lowest, highest), xl_b, ll_b);
    }
}

/// Takes a candidate over in the lanes where it fits better.
HWY_INLINE void judge(Floats xl, Floats ll, Floats candidate, Floats& scale, Floats& inverse,
                      Floats& best) {
    const FloatTag d;
    const Mask wins = hn::And(hn::Gt(ll, hn::Zero(d)), hn::Gt(hn::Mul(xl, xl), hn::Mul(best, ll)));
    // No branch on whether any wins: it cannot be guessed, and the next sums need not wait.
    const Floats new_scale = hn::Div(xl, ll);
    scale = hn::IfThenElse(wins, new_scale, scale);
    best = hn::IfThenElse(wins, hn::Mul(new_scale, xl), best);
    inverse = hn::IfThenElse(wins, candidate, inverse);
}

HWY_INLINE Floats sum_weights(const Column& c) {
    const FloatTag d;
    Floats sum = hn::Zero(d);
    for (std::size_t at = c.column; at < c.tile.size * c.tile.columns; at += c.tile.columns) {
        sum = hn::Add(sum, hn::Load(d, c.tile.weights + at));
    }
    return sum;
}

/// What the value of largest magnitude is taken to: at the start, then in the sweep's order, which
/// has pairs of candidates.
struct Candidates {
    float start;
    float spread[2 * max_reach];
    int count;
};

Candidates list_candidates(const SymmetricSpec& spec) {
    const auto levels = static_cast<float>(spec.levels);
    Candidates candidates{-levels, {}, 0};
    for (int k = -spec.reach; k <= spec.reach; ++k) {
        if (k == 0) continue;
        candidates.spread[candidates.count++] = -(levels + spec.step * static_cast<float>(k));
    }
    return candidates;
}

HWY_NOINLINE void search(const Candidates& candidates, const Column& c, Found& found) {
    const FloatTag d;
    Floats largest = find_largest_magnitude(c.tile, c.column);
    const Mask holds_something = ensure_magnitude(largest);
    Floats xl_a, xl_b, ll_a, ll_b;
    // The start does not compete: it is what the others are measured by.
    Floats inverse = hn::Div(hn::Set(d, candidates.start), largest);
    sum_start(c, inverse, xl_a, ll_a);
    // A NaN, which overflow can leave in the sum, counts as other than zero.
    Floats scale = hn::IfThenZeroElse(hn::Eq(ll_a, hn::Zero(d)), hn::Div(xl_a, ll_a));
    Floats best = hn::Mul(scale, xl_a);
    // A margin of a hundredth covers the rounding of the inverse and of the product.
    const float lowest_unclamped = -static_cast<float>(c.levels) - 0.49f;
    for (int k = 0; k < candidates.count; k += 2) {
        const Floats a = hn::Div(hn::Set(d, candidates.spread[k]), largest);
        const Floats b = hn::Div(hn::Set(d, candidates.spread[k + 1]), largest);
        // Values are taken to between plus and minus the spread: only what rounds away from the
        // lowest level has to be brought back to it.
        const float furthest = std::min(candidates.spread[k], candidates.spread[k + 1]);
        if (furthest > lowest_unclamped) {
            sum_two<false>(c, a, b, xl_a, xl_b, ll_a, ll_b);
        } else {
            sum_two<true>(c, a, b, xl_a, xl_b, ll_a, ll_b);
        }
        judge(xl_a, ll_a, a, scale, inverse, best);
        judge(xl_b, ll_b, b, scale, inverse, best);
    }
    hn::Store(hn::IfThenElseZero(holds_something, scale), d, found.scale + c.column);
    hn::Store(hn::IfThenElseZero(holds_something, inverse), d, found.inverse + c.column);
}

void fit_symmetric_lanes(const SymmetricSpec& spec, const Problems& problems,
                         const SymmetricFits& fits) {
    const FloatTag d;
    ProductTile tile;
    Found found;
    const Candidates candidates = list_candidates(spec);
    const auto columns = static_cast<std::int64_t>(tile_columns());
    const std::size_t lanes = hn::Lanes(d);
    for (std::int64_t first = 0; first < problems.count; first += columns) {
        const std::int64_t used = load_tile(problems, first, tile);
        for (std::size_t column = 0; column < tile.columns; column += lanes) {
            const Column c{tile, tile.weighted_values, column, spec.levels};
            search(candidates, c, found);
            if (fits.weight_sum != nullptr) {
                hn::Store(sum_weights(c), d, found.weight_sum + column);
            }
        }
        store_results(found.scale, used, fits.scale + first);
        store_results(found.inverse, used, fits.inverse + first);
        if (fits.weight_sum != nullptr) {
            store_results(found.weight_sum, used, fits.weight_sum + first);
        }
    }
}

}  // namespace
}  // namespace quantize::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit_symmetric_lanes);
void fit_symmetric(const SymmetricSpec& spec, const Problems& problems, const SymmetricFits& fits) {
    HWY_DYNAMIC_DISPATCH(fit_symmetric_lanes)(spec, problems, fits);
}

}  // namespace quantize::kernels
#endif

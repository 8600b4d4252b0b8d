// Searches over the code points of IQ4_NL and IQ4_XS, one body for every instruction set.
//
// The fit tries 16 scales per block. One lane is one block, so that each lane adds its 32 terms in
// the order in which a scalar loop would. The first scale takes the value of largest magnitude to
// +127; the other 15, the sweep, take it to -134 ... -120. Over the sweep the magnitude of a
// scaled value changes by at most 134/120, less than the ratio of two neighbouring thresholds, and
// its sign never; hence a value sees at most two code points, a lower and an upper one, and one
// threshold between them. They are looked up once, with the terms that either adds to the sums,
// and each trial of the sweep is then a product, a comparison and two selections per value.
#include "kernels/codebook.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/codebook.cpp"
#include <hwy/foreach_target.h>
//
#include <hwy/highway.h>

#include "kernels/lanes-inl.h"
#include "kernels/transpose-inl.h"

#ifndef QUANTIZE_KERNELS_CODEBOOK_ONCE
#define QUANTIZE_KERNELS_CODEBOOK_ONCE
namespace quantize::kernels::codebook {

inline constexpr std::size_t block = codebook_block;
/// Blocks whose values are all smaller than this count as zero.
inline constexpr float smallest_maximum = 1e-15f;
/// Trial t of the sweep takes the value of largest magnitude to the first code point plus t.
inline constexpr int first_trial = -7;
inline constexpr int last_trial = 7;

/// A value scaled to s has the code point i + 1 rather than i when s >= thresholds[i]: both
/// differences to the neighbours are exact there, so that the middle itself is a tie.
constexpr std::array<float, 15> make_thresholds() {
    std::array<float, 15> middles{};
    for (std::size_t i = 0; i < middles.size(); ++i) {
        middles[i] = 0.5f * static_cast<float>(codebook_points[i] + codebook_points[i + 1]);
    }
    return middles;
}
inline constexpr std::array<float, 15> thresholds = make_thresholds();

/// The thresholds as a binary tree: node 1 is the root, node n leads to 2 n + 1 when a value is
/// below its threshold and to 2 n when not, and leaf 31 - i is the code point i.
constexpr std::array<float, 16> make_tree() {
    std::array<float, 16> nodes{};
    for (std::size_t first = 1; first < 16; first *= 2) {
        for (std::size_t n = 0; n < first; ++n) {
            nodes[first + n] = thresholds[(2 * (first - 1 - n) + 1) * (8 / first) - 1];
        }
    }
    return nodes;
}
inline constexpr std::array<float, 16> tree = make_tree();

/// No value passes two thresholds during the sweep (0.1 % allows for any rounding).
constexpr bool sweep_crosses_one_threshold() {
    constexpr float widest = 1.001f * static_cast<float>(codebook_points[0] + first_trial) /
                             static_cast<float>(codebook_points[0] + last_trial);
    for (std::size_t i = 0; i + 1 < thresholds.size(); ++i) {
        const float low = thresholds[i];
        const float high = thresholds[i + 1];
        if (low > 0 && high < widest * low) return false;
        if (high < 0 && low > widest * high) return false;
    }
    return true;
}
static_assert(sweep_crosses_one_threshold());

alignas(16) inline constexpr std::array<std::int8_t, 16> lower_points = codebook_points;
/// The point above each; the last has none and stands for itself.
alignas(16) inline constexpr std::array<std::int8_t, 16> upper_points = [] {
    std::array<std::int8_t, 16> points{};
    for (std::size_t i = 0; i < 16; ++i)
        points[i] = codebook_points[i < 15 ? i + 1 : 15];
    return points;
}();

}  // namespace quantize::kernels::codebook
#endif

HWY_BEFORE_NAMESPACE();
namespace quantize::kernels {
namespace HWY_NAMESPACE {
namespace {

using namespace codebook;

/// With eight lanes or more a vector holds the tree's upper levels, and a node is one permutation;
/// otherwise all thresholds are compared with.
inline constexpr bool searches_tree = !HWY_HAVE_SCALABLE && hn::MaxLanes(FloatTag()) >= 8;

/// Index of the code point nearest to `scaled`; NaN has the last one.
HWY_INLINE Ints nearest_point(Floats scaled) {
    const FloatTag df;
    const IntTag di;
    if constexpr (searches_tree) {
        const Ints eight = hn::Set(di, 8);
        const Floats upper_levels = hn::LoadU(df, tree.data());
        Ints node = add_one_where(hn::Lt(scaled, hn::Set(df, tree[1])), hn::Set(di, 2));
        for (int level = 1; level < 4; ++level) {
            // With eight lanes the last level is a table of its own.
            const bool own = level == 3 && hn::MaxLanes(df) == 8;
            const Floats table = own ? hn::LoadU(df, tree.data() + 8) : upper_levels;
            const auto at = hn::IndicesFromVec(df, own ? hn::Sub(node, eight) : node);
            const Mask below = hn::Lt(scaled, hn::TableLookupLanes(table, at));
            node = add_one_where(below, hn::Add(node, node));
        }
        return hn::Sub(hn::Set(di, 31), node);
    } else {
        Ints index = hn::Set(di, 15);
        for (const float threshold : thresholds) {
            const auto below = hn::Lt(scaled, hn::Set(df, threshold));
            index = hn::Add(index, hn::BitCast(di, hn::VecFromMask(df, below)));
        }
        return index;
    }
}

/// The entries of a 16-byte table as floats.
HWY_INLINE Floats look_up(const std::array<std::int8_t, 16>& table, Ints index) {
    const FloatTag df;
    const IntTag di;
    const hn::Repartition<std::int8_t, IntTag> db;
    // Only the top byte selects; the others have their high bit set, which reads as zero.
    const Ints selector = hn::Or(hn::ShiftLeft<24>(index), hn::Set(di, 0x00808080));
    const auto bytes =
        hn::TableLookupBytesOr0(hn::LoadDup128(db, table.data()), hn::BitCast(db, selector));
    return hn::ConvertTo(df, hn::ShiftRight<24>(hn::BitCast(di, bytes)));
}

/// As many blocks as there are lanes, transposed: entry j of lane l is value j of block l.
struct Tile {
    HWY_ALIGN float value[block * max_lanes];
    HWY_ALIGN float weight[block * max_lanes];
    HWY_ALIGN float threshold[block * max_lanes];
    // What a value adds to the two sums of a fit below the threshold and from it on.
    HWY_ALIGN float product_low[block * max_lanes];
    HWY_ALIGN float product_high[block * max_lanes];
    HWY_ALIGN float square_low[block * max_lanes];
    HWY_ALIGN float square_high[block * max_lanes];
    HWY_ALIGN float mean[max_lanes];
};

/// Copies blocks first .. first + lanes - 1 into the tile; lanes past the last block repeat it.
HWY_INLINE void load_tile(const float* values, std::size_t first, std::size_t blocks,
                          const CodebookWeights& weights, Tile& tile) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    const float* value_rows[max_lanes];
    const float* importance_rows[max_lanes];
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const std::size_t at = HWY_MIN(first + lane, blocks - 1);
        value_rows[lane] = values + at * block;
        if (weights.importance == nullptr) continue;
        importance_rows[lane] = weights.importance + at * block;
        tile.mean[lane] = weights.means[at / weights.blocks_per_mean];
    }
    transpose_to_tile(value_rows, lanes, block, tile.value);
    if (weights.importance == nullptr) {
        for (std::size_t at = 0; at < block * lanes; at += lanes) {
            const Floats x = hn::Load(df, tile.value + at);
            hn::Store(hn::Mul(x, x), df, tile.weight + at);
        }
        return;
    }
    transpose_to_tile(importance_rows, lanes, block, tile.weight);
    const Floats mean = hn::Load(df, tile.mean);
    for (std::size_t at = 0; at < block * lanes; at += lanes) {
        const Floats x = hn::Load(df, tile.value + at);
        const Floats root = hn::Sqrt(hn::Add(mean, hn::Mul(x, x)));
        hn::Store(hn::Mul(hn::Load(df, tile.weight + at), root), df, tile.weight + at);
    }
}

/// The value of largest magnitude of each lane, the first of equal ones.
HWY_INLINE void find_peak(const Tile& tile, Floats& peak, Floats& magnitude) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    magnitude = peak = hn::Zero(df);
    for (std::size_t j = 0; j < block; ++j) {
        const Floats x = hn::Load(df, tile.value + j * lanes);
        const Floats ax = hn::Abs(x);
        const auto larger = hn::Gt(ax, magnitude);
        magnitude = hn::IfThenElse(larger, ax, magnitude);
        peak = hn::IfThenElse(larger, x, peak);
    }
}

/// Looks up each value's threshold and the terms on either side of it. `first` and `last` are
/// the inverse scales at the two ends of the sweep.
HWY_INLINE void prepare_terms(Tile& tile, Floats first, Floats last) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    for (std::size_t j = 0; j < block; ++j) {
        const Floats x = hn::Load(df, tile.value + j * lanes);
        const Floats weight = hn::Load(df, tile.weight + j * lanes);
        const Ints index = nearest_point(hn::Min(hn::Mul(first, x), hn::Mul(last, x)));
        const Floats low = look_up(lower_points, index);
        const Floats high = look_up(upper_points, index);
        const Floats weighted_low = hn::Mul(weight, low);
        const Floats weighted_high = hn::Mul(weight, high);
        hn::Store(hn::Mul(hn::Set(df, 0.5f), hn::Add(low, high)), df, tile.threshold + j * lanes);
        hn::Store(hn::Mul(weighted_low, x), df, tile.product_low + j * lanes);
        hn::Store(hn::Mul(weighted_high, x), df, tile.product_high + j * lanes);
        hn::Store(hn::Mul(weighted_low, low), df, tile.square_low + j * lanes);
        hn::Store(hn::Mul(weighted_high, high), df, tile.square_high + j * lanes);
    }
}

/// Adds a value's terms to the two sums of one trial: weight * point * value and weight * point^2.
HWY_INLINE void add_terms(Floats inverse, Floats x, Floats threshold, const Tile& tile,
                          std::size_t at, Floats& product, Floats& square) {
    const FloatTag df;
    const auto below = hn::Lt(hn::Mul(inverse, x), threshold);
    product = hn::Add(product, hn::IfThenElse(below, hn::Load(df, tile.product_low + at),
                                              hn::Load(df, tile.product_high + at)));
    square = hn::Add(square, hn::IfThenElse(below, hn::Load(df, tile.square_low + at),
                                            hn::Load(df, tile.square_high + at)));
}

/// The trial before the sweep, which needs a look-up of its own.
HWY_INLINE void try_first(const Tile& tile, Floats inverse, Floats& scale, Floats& merit) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    Floats product = hn::Zero(df), square = hn::Zero(df);
    for (std::size_t at = 0; at < block * lanes; at += lanes) {
        const Floats x = hn::Load(df, tile.value + at);
        const Floats point = look_up(lower_points, nearest_point(hn::Mul(inverse, x)));
        const Floats weighted = hn::Mul(hn::Load(df, tile.weight + at), point);
        product = hn::Add(product, hn::Mul(weighted, x));
        square = hn::Add(square, hn::Mul(weighted, point));
    }
    scale = hn::IfThenElse(hn::Gt(square, hn::Zero(df)), hn::Div(product, square), hn::Zero(df));
    merit = hn::Mul(scale, product);
}

/// Takes the scale that these sums give where it beats the best so far.
HWY_INLINE void keep_better(Floats product, Floats square, Floats& scale, Floats& merit) {
    const FloatTag df;
    const auto better = hn::And(hn::Gt(square, hn::Zero(df)),
                                hn::Gt(hn::Mul(product, product), hn::Mul(merit, square)));
    const Floats candidate = hn::Div(product, square);
    scale = hn::IfThenElse(better, candidate, scale);
    merit = hn::IfThenElse(better, hn::Mul(candidate, product), merit);
}

HWY_INLINE Floats trial_inverse(int trial, Floats peak) {
    return hn::Div(hn::Set(FloatTag(), static_cast<float>(trial + codebook_points[0])), peak);
}

/// Five trials at a time: independent sums enough to hide the latency of the additions.
HWY_INLINE void try_five(const Tile& tile, int trial, Floats peak, Floats& scale, Floats& merit) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    const Floats inverse0 = trial_inverse(trial, peak);
    const Floats inverse1 = trial_inverse(trial + 1, peak);
    const Floats inverse2 = trial_inverse(trial + 2, peak);
    const Floats inverse3 = trial_inverse(trial + 3, peak);
    const Floats inverse4 = trial_inverse(trial + 4, peak);
    const Floats zero = hn::Zero(df);
    Floats product0 = zero, product1 = zero, product2 = zero, product3 = zero, product4 = zero;
    Floats square0 = zero, square1 = zero, square2 = zero, square3 = zero, square4 = zero;
    for (std::size_t at = 0; at < block * lanes; at += lanes) {
        const Floats x = hn::Load(df, tile.value + at);
        const Floats threshold = hn::Load(df, tile.threshold + at);
        add_terms(inverse0, x, threshold, tile, at, product0, square0);
        add_terms(inverse1, x, threshold, tile, at, product1, square1);
        add_terms(inverse2, x, threshold, tile, at, product2, square2);
        add_terms(inverse3, x, threshold, tile, at, product3, square3);
        add_terms(inverse4, x, threshold, tile, at, product4, square4);
    }
    keep_better(product0, square0, scale, merit);
    keep_better(product1, square1, scale, merit);
    keep_better(product2, square2, scale, merit);
    keep_better(product3, square3, scale, merit);
    keep_better(product4, square4, scale, merit);
}

HWY_INLINE Floats fit_tile(Tile& tile) {
    const FloatTag df;
    Floats peak, magnitude, scale, merit;
    find_peak(tile, peak, magnitude);
    const auto empty = hn::Lt(magnitude, hn::Set(df, smallest_maximum));

    const Floats first_scale =
        hn::Div(hn::Neg(peak), hn::Set(df, static_cast<float>(codebook_points[0])));
    try_first(tile, hn::Div(hn::Set(df, 1.0f), first_scale), scale, merit);

    prepare_terms(tile, trial_inverse(first_trial, peak), trial_inverse(last_trial, peak));
    static_assert((last_trial - first_trial + 1) % 5 == 0);
    for (int trial = first_trial; trial <= last_trial; trial += 5) {
        try_five(tile, trial, peak, scale, merit);
    }
    return hn::IfThenElse(empty, hn::Zero(df), scale);
}

void fit(const float* values, std::size_t blocks, const CodebookWeights& weights, float* scales) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    Tile tile;
    for (std::size_t first = 0; first < blocks; first += lanes) {
        load_tile(values, first, blocks, weights, tile);
        HWY_ALIGN float found[max_lanes];
        hn::Store(fit_tile(tile), df, found);
        for (std::size_t lane = 0; lane < lanes && first + lane < blocks; ++lane) {
            scales[first + lane] = found[lane];
        }
    }
}

void assign(const float* values, std::size_t blocks, const float* inverse_scales,
            std::uint8_t* codes) {
    const FloatTag df;
    const hn::Rebind<std::uint8_t, FloatTag> db;
    const std::size_t lanes = hn::Lanes(df);
    for (std::size_t b = 0; b < blocks; ++b) {
        const Floats inverse = hn::Set(df, inverse_scales[b]);
        const float* x = values + b * block;
        for (std::size_t j = 0; j < block / 2; j += lanes) {
            const Ints low = nearest_point(hn::Mul(inverse, hn::LoadU(df, x + j)));
            const Ints high = nearest_point(hn::Mul(inverse, hn::LoadU(df, x + j + block / 2)));
            const Ints both = hn::Or(low, hn::ShiftLeft<4>(high));
            hn::StoreU(hn::DemoteTo(db, both), db, codes + b * (block / 2) + j);
        }
    }
}

void expand(const std::uint8_t* codes, std::size_t blocks, const float* scales, float* values) {
    const FloatTag df;
    const IntTag di;
    const hn::Rebind<std::uint8_t, FloatTag> db;
    const std::size_t lanes = hn::Lanes(df);
    for (std::size_t b = 0; b < blocks; ++b) {
        const Floats scale = hn::Set(df, scales[b]);
        float* y = values + b * block;
        for (std::size_t j = 0; j < block / 2; j += lanes) {
            const Ints both = hn::PromoteTo(di, hn::LoadU(db, codes + b * (block / 2) + j));
            const Ints low = hn::And(both, hn::Set(di, 15));
            const Ints high = hn::ShiftRight<4>(both);
            hn::StoreU(hn::Mul(scale, look_up(lower_points, low)), df, y + j);
            hn::StoreU(hn::Mul(scale, look_up(lower_points, high)), df, y + j + block / 2);
        }
    }
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace quantize::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace quantize::kernels {

HWY_EXPORT(fit);
HWY_EXPORT(assign);
HWY_EXPORT(expand);

void fit_codebook(const float* values, std::size_t blocks, const CodebookWeights& weights,
                  float* scales) {
    HWY_DYNAMIC_DISPATCH(fit)(values, blocks, weights, scales);
}

void assign_codebook(const float* values, std::size_t blocks, const float* inverse_scales,
                     std::uint8_t* codes) {
    HWY_DYNAMIC_DISPATCH(assign)(values, blocks, inverse_scales, codes);
}

void expand_codebook(const std::uint8_t* codes, std::size_t blocks, const float* scales,
                     float* values) {
    HWY_DYNAMIC_DISPATCH(expand)(codes, blocks, scales, values);
}

}  // namespace quantize::kernels
#endif

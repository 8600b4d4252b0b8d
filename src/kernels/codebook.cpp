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
#include <hwy/highway.h>

#ifndef QUANTIZE_KERNELS_CODEBOOK_ONCE
#define QUANTIZE_KERNELS_CODEBOOK_ONCE
namespace quantize::kernels::codebook {

inline constexpr std::size_t block = codebook_block;
inline constexpr std::size_t max_lanes = 16;
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

namespace hn = hwy::HWY_NAMESPACE;
using namespace codebook;

using FloatTag = hn::CappedTag<float, max_lanes>;
using IntTag = hn::RebindToSigned<FloatTag>;
using Floats = hn::Vec<FloatTag>;
using Ints = hn::Vec<IntTag>;

/// Index of the code point nearest to `scaled`; NaN has the last one.
HWY_INLINE Ints nearest_point(Floats scaled) {
    const FloatTag df;
    const IntTag di;
    Ints index = hn::Set(di, 15);
    for (const float threshold : thresholds) {
        const auto below = hn::Lt(scaled, hn::Set(df, threshold));
        index = hn::Add(index, hn::BitCast(di, hn::VecFromMask(df, below)));
    }
    return index;
}

/// The entries of a 16-byte table as floats.
HWY_INLINE Floats look_up(const std::array<std::int8_t, 16>& table, Ints index) {
    const FloatTag df;
#if HWY_TARGET == HWY_SCALAR
    return hn::Set(df, static_cast<float>(table[static_cast<std::size_t>(hn::GetLane(index))]));
#else
    const IntTag di;
    const hn::Repartition<std::int8_t, IntTag> db;
    // Only the top byte selects; the others have their high bit set, which reads as zero.
    const Ints selector = hn::Or(hn::ShiftLeft<24>(index), hn::Set(di, 0x00808080));
    const auto bytes =
        hn::TableLookupBytesOr0(hn::LoadDup128(db, table.data()), hn::BitCast(db, selector));
    return hn::ConvertTo(df, hn::ShiftRight<24>(hn::BitCast(di, bytes)));
#endif
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

/// Copies blocks first .. first + lanes - 1 into the tile; lanes past the last block hold zeros.
HWY_INLINE void load_tile(const float* values, std::size_t first, std::size_t blocks,
                          const CodebookWeights& weights, Tile& tile) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    for (std::size_t lane = 0; lane < lanes; ++lane) {
        const std::size_t at = first + lane;
        const bool filled = at < blocks;
        for (std::size_t j = 0; j < block; ++j) {
            tile.value[j * lanes + lane] = filled ? values[at * block + j] : 0.0f;
        }
        if (weights.importance == nullptr) continue;
        tile.mean[lane] = filled ? weights.means[at / weights.blocks_per_mean] : 0.0f;
        for (std::size_t j = 0; j < block; ++j) {
            tile.weight[j * lanes + lane] = filled ? weights.importance[at * block + j] : 0.0f;
        }
    }
    const Floats mean = hn::Load(df, tile.mean);
    for (std::size_t j = 0; j < block; ++j) {
        const Floats x = hn::Load(df, tile.value + j * lanes);
        Floats weight = hn::Mul(x, x);
        if (weights.importance != nullptr) {
            weight =
                hn::Mul(hn::Load(df, tile.weight + j * lanes), hn::Sqrt(hn::Add(mean, weight)));
        }
        hn::Store(weight, df, tile.weight + j * lanes);
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

/// The sums of one trial: weight * point * value and weight * point^2.
struct Sums {
    Floats product, square;
};

HWY_INLINE void add_term(Floats inverse, Floats x, Floats threshold, const Tile& tile,
                         std::size_t at, Sums& sums) {
    const FloatTag df;
    const auto below = hn::Lt(hn::Mul(inverse, x), threshold);
    sums.product = hn::Add(sums.product, hn::IfThenElse(below, hn::Load(df, tile.product_low + at),
                                                        hn::Load(df, tile.product_high + at)));
    sums.square = hn::Add(sums.square, hn::IfThenElse(below, hn::Load(df, tile.square_low + at),
                                                      hn::Load(df, tile.square_high + at)));
}

/// The trial before the sweep, which needs a look-up of its own.
HWY_INLINE Sums first_sums(const Tile& tile, Floats inverse) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    Sums sums{hn::Zero(df), hn::Zero(df)};
    for (std::size_t at = 0; at < block * lanes; at += lanes) {
        const Floats x = hn::Load(df, tile.value + at);
        const Floats point = look_up(lower_points, nearest_point(hn::Mul(inverse, x)));
        const Floats weighted = hn::Mul(hn::Load(df, tile.weight + at), point);
        sums.product = hn::Add(sums.product, hn::Mul(weighted, x));
        sums.square = hn::Add(sums.square, hn::Mul(weighted, point));
    }
    return sums;
}

/// The best scale so far and its merit, per lane.
struct Best {
    Floats scale, merit;
};

HWY_INLINE void keep_better(const Sums& sums, Best& best) {
    const FloatTag df;
    const auto better =
        hn::And(hn::Gt(sums.square, hn::Zero(df)),
                hn::Gt(hn::Mul(sums.product, sums.product), hn::Mul(best.merit, sums.square)));
    const Floats scale = hn::Div(sums.product, sums.square);
    best.scale = hn::IfThenElse(better, scale, best.scale);
    best.merit = hn::IfThenElse(better, hn::Mul(scale, sums.product), best.merit);
}

HWY_INLINE Floats trial_inverse(int trial, Floats peak) {
    return hn::Div(hn::Set(FloatTag(), static_cast<float>(trial + codebook_points[0])), peak);
}

/// Five trials at a time: independent sums enough to hide the latency of the additions.
HWY_INLINE void try_five(const Tile& tile, int trial, Floats peak, Best& best) {
    const FloatTag df;
    const std::size_t lanes = hn::Lanes(df);
    const Floats inverse0 = trial_inverse(trial, peak);
    const Floats inverse1 = trial_inverse(trial + 1, peak);
    const Floats inverse2 = trial_inverse(trial + 2, peak);
    const Floats inverse3 = trial_inverse(trial + 3, peak);
    const Floats inverse4 = trial_inverse(trial + 4, peak);
    const Sums none{hn::Zero(df), hn::Zero(df)};
    Sums sums0 = none, sums1 = none, sums2 = none, sums3 = none, sums4 = none;
    for (std::size_t at = 0; at < block * lanes; at += lanes) {
        const Floats x = hn::Load(df, tile.value + at);
        const Floats threshold = hn::Load(df, tile.threshold + at);
        add_term(inverse0, x, threshold, tile, at, sums0);
        add_term(inverse1, x, threshold, tile, at, sums1);
        add_term(inverse2, x, threshold, tile, at, sums2);
        add_term(inverse3, x, threshold, tile, at, sums3);
        add_term(inverse4, x, threshold, tile, at, sums4);
    }
    keep_better(sums0, best);
    keep_better(sums1, best);
    keep_better(sums2, best);
    keep_better(sums3, best);
    keep_better(sums4, best);
}

HWY_INLINE Floats fit_tile(Tile& tile) {
    const FloatTag df;
    Floats peak, magnitude;
    find_peak(tile, peak, magnitude);
    const auto empty = hn::Lt(magnitude, hn::Set(df, smallest_maximum));

    const Floats first_scale =
        hn::Div(hn::Neg(peak), hn::Set(df, static_cast<float>(codebook_points[0])));
    const Sums sums = first_sums(tile, hn::Div(hn::Set(df, 1.0f), first_scale));
    Best best;
    best.scale = hn::IfThenElse(hn::Gt(sums.square, hn::Zero(df)),
                                hn::Div(sums.product, sums.square), hn::Zero(df));
    best.merit = hn::Mul(best.scale, sums.product);

    prepare_terms(tile, trial_inverse(first_trial, peak), trial_inverse(last_trial, peak));
    static_assert((last_trial - first_trial + 1) % 5 == 0);
    for (int trial = first_trial; trial <= last_trial; trial += 5) {
        try_five(tile, trial, peak, best);
    }
    return hn::IfThenElse(empty, hn::Zero(df), best.scale);
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

void sum_squares(const float* values, std::size_t groups, std::size_t group_elems, float* sums) {
    // Eight groups side by side keep the adders busy: each sum must wait for its own additions.
    constexpr std::size_t side_by_side = 8;
    for (std::size_t first = 0; first < groups; first += side_by_side) {
        const float* x = values + first * group_elems;
        float sum[side_by_side] = {};
        if (groups - first >= side_by_side) {
            for (std::size_t j = 0; j < group_elems; ++j) {
                for (std::size_t g = 0; g < side_by_side; ++g) {
                    sum[g] += x[g * group_elems + j] * x[g * group_elems + j];
                }
            }
            for (std::size_t g = 0; g < side_by_side; ++g)
                sums[first + g] = sum[g];
        } else {
            for (std::size_t g = 0; g < groups - first; ++g) {
                for (std::size_t j = 0; j < group_elems; ++j) {
                    sum[g] += x[g * group_elems + j] * x[g * group_elems + j];
                }
                sums[first + g] = sum[g];
            }
        }
    }
}

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

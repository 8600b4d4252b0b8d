// The searches of the grid types where they are easiest to get wrong: two neighbours at the same
// distance, or nearly so, at a scale of the sweep. Kernels skip most searches
// (lattice_lines-inl.h); the model of lattice_model.h makes them all.
//
// IQ2_XXS, whose scales come out of a fit that the model does not have, shares all this code.
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <limits>
#include <random>

#include "kernels/lattice.h"
#include "lattice_model.h"
#include "targets.h"

namespace quantize::test {
namespace {

using formats::Grid;

struct Block {
    std::array<float, 256> values;
    std::array<float, 256> importance;
};

/// A group that is to be as far from one neighbour as from another.
template <std::size_t dims>
struct Tie {
    std::size_t at;  ///< where it begins in the block
    double scale;
    kernels::NeighbourList list;
    std::array<double, dims> one, other;  ///< the coordinates of the two neighbours
};

/// Makes blocks in which most groups have a tie at one of the sweep's scales each. The sub-blocks
/// have a largest value of one.
template <class Spec>
class TieMaker {
 public:
    TieMaker(const Grid& grid, bool weighted) : grid_(grid), weighted_(weighted) {}

    const Block& make() {
        std::normal_distribution<float> normal;
        for (float& w : block_.importance)
            w = std::exp(normal(random_));
        std::vector<Ties> ties;
        for (std::size_t at = 0; at < 256; at += Spec::dims)
            ties.push_back(start(at));
        for (std::size_t at = 0; at < 256; at += Spec::sub_block)
            block_.values[at] = 1.0f;
        variance_ = Model::variance_of(block_.values);
        for (Ties& tie : ties)
            choose(tie);
        // Weights depend on the values: a fixed point.
        for (int round = 0; round < 30; ++round) {
            variance_ = Model::variance_of(block_.values);
            for (const Ties& tie : ties)
                level_out(tie);
        }
        for (const Ties& tie : ties) {
            const int ulps = integer(-4, 4);
            if (std::abs(ulps) <= 2) nudge(tie.at + random_index(), ulps);
        }
        return block_;
    }

 private:
    using Model = LatticeModel<Spec>;
    using Ties = Tie<Spec::dims>;

    int integer(int low, int high) {
        return std::uniform_int_distribution<int>(low, high)(random_);
    }

    /// Any place in a group but the first.
    std::size_t random_index() { return static_cast<std::size_t>(integer(1, Spec::dims - 1)); }

    double root_of(std::size_t at) const {
        const float* const w = weighted_ ? &block_.importance[at] : nullptr;
        return std::sqrt(Model::weight_of(block_.values[at], w, variance_));
    }

    /// Fills a group near a point off the grid.
    Ties start(std::size_t at) {
        Ties tie{at, 1 / Model::inverse_scale(integer(0, 2 * Spec::reach), 1.0f), {}, {}, {}};
        std::array<int, Spec::dims> levels;
        std::uint32_t code = 0;
        do {
            code = 0;
            for (std::size_t i = Spec::dims; i-- > 0;) {
                levels[i] = std::min(integer(0, Spec::levels - 2), integer(0, Spec::levels - 2));
                code = code * Spec::levels + static_cast<std::uint32_t>(levels[i]);
            }
        } while (!kernels::is_packed_list(grid_.short_map[code]));
        tie.list = kernels::unpack_list(grid_.short_map[code]);
        std::uniform_real_distribution<double> uniform(-0.6, 0.6);
        for (std::size_t i = 0; i < Spec::dims; ++i) {
            const double x = tie.scale * (2 * levels[i] + 1 + uniform(random_));
            block_.values[at + i] = static_cast<float>(std::min(x, 0.99));
        }
        return tie;
    }

    double distance(const Ties& tie, const std::array<double, Spec::dims>& point) const {
        double sum = 0;
        for (std::size_t i = 0; i < Spec::dims; ++i) {
            const double difference = tie.scale * point[i] - block_.values[tie.at + i];
            sum += root_of(tie.at + i) * difference * difference;
        }
        return sum;
    }

    /// Takes the two nearest neighbours.
    void choose(Ties& tie) const {
        double nearest = 1e30;
        double second = 1e30;
        for (std::uint32_t n = tie.list.begin; n < tie.list.begin + tie.list.count; ++n) {
            std::array<double, Spec::dims> point;
            const unsigned word = grid_.short_neighbours[n];
            for (std::size_t i = 0; i < Spec::dims; ++i)
                point[i] =
                    2 * (Spec::levels == 3 ? word >> (2 * i) & 3u : word >> (4 * i) & 7u) + 1;
            const double here = distance(tie, point);
            if (here < nearest) {
                second = nearest;
                tie.other = tie.one;
                nearest = here;
                tie.one = point;
            } else if (here < second) {
                second = here;
                tie.other = point;
            }
        }
    }

    /// Moves the group, but for its first value, to where both neighbours are at one distance.
    void level_out(const Ties& tie) {
        const double gap = distance(tie, tie.one) - distance(tie, tie.other);
        double slope = 0;
        std::array<double, Spec::dims> step{};
        for (std::size_t i = 1; i < Spec::dims; ++i) {
            step[i] = tie.one[i] - tie.other[i];
            slope += 2 * tie.scale * root_of(tie.at + i) * step[i] * step[i];
        }
        if (slope == 0) return;
        for (std::size_t i = 1; i < Spec::dims; ++i) {
            float& x = block_.values[tie.at + i];
            x = std::clamp(x + static_cast<float>(gap / slope * step[i]), 0.0f, 0.99f);
        }
    }

    void nudge(std::size_t at, int ulps) {
        const auto bits = std::bit_cast<std::uint32_t>(block_.values[at]);
        if (bits > 2) block_.values[at] = std::bit_cast<float>(bits + static_cast<unsigned>(ulps));
    }

    const Grid& grid_;
    bool weighted_;
    Block block_{};
    float variance_ = 0;
    std::mt19937 random_{17};
};

template <class Spec>
void check_ties(kernels::LatticeType type, const Grid& grid, bool weighted) {
    using Model = LatticeModel<Spec>;
    constexpr std::size_t block_count = 40;
    constexpr std::size_t sub_blocks = 256 / Spec::sub_block;
    TieMaker<Spec> maker(grid, weighted);
    Model model(grid);
    std::vector<float> values;
    std::vector<float> importance;
    std::vector<typename Model::Result> expected;
    for (std::size_t b = 0; b < block_count; ++b) {
        const Block& block = maker.make();
        values.insert(values.end(), block.values.begin(), block.values.end());
        importance.insert(importance.end(), block.importance.begin(), block.importance.end());
        const float variance = Model::variance_of(block.values);
        for (std::size_t at = 0; at < 256; at += Spec::sub_block) {
            expected.push_back(model.fit({&block.values[at], Spec::sub_block},
                                         weighted ? &block.importance[at] : nullptr, variance));
        }
    }
    // The ties are there.
    CHECK(model.ties.equal > 100);
    CHECK(model.ties.near_by > 300);

    const kernels::LatticeGrid view{grid.short_map.data(), grid.short_neighbours.data()};
    for_each_target([&] {
        std::vector<float> scales(block_count * sub_blocks);
        std::vector<std::uint32_t> signs(scales.size());
        std::vector<std::uint16_t> words(scales.size() * Model::groups);
        kernels::fit_lattice(type, view, values.data(), weighted ? importance.data() : nullptr,
                             block_count, {scales.data(), signs.data(), words.data()});
        std::size_t wrong = 0;
        for (std::size_t s = 0; s < scales.size(); ++s) {
            const typename Model::Result& e = expected[s];
            wrong += scales[s] != e.scale || signs[s] != e.signs ||
                     !std::equal(e.words.begin(), e.words.end(), &words[s * Model::groups]);
        }
        CHECK(wrong == 0);
    });
}

}  // namespace

TEST_CASE("lattice searches: ties and near ties end as in a search of everything") {
    using namespace kernels::lattice;
    using kernels::LatticeType;
    for (const bool weighted : {true, false}) {
        INFO((weighted ? "with importance" : "without importance"));
        {
            INFO("IQ2_XS");
            check_ties<Iq2XsSpec>(LatticeType::iq2_xs, formats::iq2_xs_grid(), weighted);
        }
        {
            INFO("IQ2_S");
            check_ties<Iq2SSpec>(LatticeType::iq2_s, formats::iq2_s_grid(), weighted);
        }
        {
            INFO("IQ3_XXS");
            check_ties<Iq3XxsSpec>(LatticeType::iq3_xxs, formats::iq3_xxs_grid(), weighted);
        }
        {
            INFO("IQ3_S");
            check_ties<Iq3SSpec>(LatticeType::iq3_s, formats::iq3_s_grid(), weighted);
        }
    }
}

}  // namespace quantize::test

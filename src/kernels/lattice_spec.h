// How the fits of the grid types differ: one spec each over the one body in lattice_fit-inl.h.
#pragma once

#include <cstddef>
#include <limits>

namespace quantize::kernels::lattice {

/// What a weight is when there is no importance matrix.
enum class Unweighted {
    square,              ///< its square
    square_and_quarter,  ///< its square plus a quarter of the super-block's variance
};

/// Where the sweep's scales are centred.
enum class Centre {
    largest,       ///< the largest magnitude gets the highest level
    positive_fit,  ///< a least-squares fit to levels 0..4 comes first
};

/// What is done with the best scale of the sweep: levels are rounded again with it, and the scale
/// fitted to these.
enum class Refit {
    off_grid_groups,    ///< for groups that were off the grid, others stay
    all_when_off_grid,  ///< for all groups, when at least one was off the grid
    always,
};

/// Eight coordinates of three levels; candidate c of the sweep is (5 + c * step) / largest.
struct Iq2Spec {
    static constexpr std::size_t dims = 8;
    static constexpr std::size_t levels = 3;
    static constexpr float step = 0.1f;
};

struct Iq2XxsSpec : Iq2Spec {
    static constexpr std::size_t sub_block = 32;
    static constexpr int reach = 6;  ///< candidates run from -reach to reach
    static constexpr float variance_factor = 1.0f;
    static constexpr float smallest_maximum = 1e-15f;
    static constexpr bool even_signs = true;
    static constexpr Unweighted unweighted = Unweighted::square;
    static constexpr Centre centre = Centre::positive_fit;
    static constexpr Refit refit = Refit::always;
    static constexpr bool starts_on_grid = true;
};

struct Iq2XsSpec : Iq2Spec {
    static constexpr std::size_t sub_block = 16;
    static constexpr int reach = 9;
    static constexpr float variance_factor = 1.0f;
    static constexpr float smallest_maximum = 1e-15f;
    static constexpr bool even_signs = true;
    static constexpr Unweighted unweighted = Unweighted::square;
    static constexpr Centre centre = Centre::largest;
    static constexpr Refit refit = Refit::off_grid_groups;
    static constexpr bool starts_on_grid = true;
};

struct Iq2SSpec : Iq2Spec {
    static constexpr std::size_t sub_block = 16;
    static constexpr int reach = 9;
    static constexpr float variance_factor = 2.0f;
    static constexpr float smallest_maximum = 1e-8f;
    static constexpr bool even_signs = false;
    static constexpr Unweighted unweighted = Unweighted::square_and_quarter;
    static constexpr Centre centre = Centre::largest;
    static constexpr Refit refit = Refit::off_grid_groups;
    static constexpr bool starts_on_grid = true;
};

/// Four coordinates of eight levels; candidate c of the sweep is (15 + c * step) / largest.
struct Iq3Spec {
    static constexpr std::size_t dims = 4;
    static constexpr std::size_t levels = 8;
    static constexpr std::size_t sub_block = 32;
    static constexpr float step = 0.2f;
    static constexpr float variance_factor = 2.0f;
    static constexpr Unweighted unweighted = Unweighted::square;
    static constexpr Centre centre = Centre::largest;
};

struct Iq3XxsSpec : Iq3Spec {
    static constexpr int reach = 15;
    static constexpr float smallest_maximum = 1e-8f;
    static constexpr bool even_signs = true;
    static constexpr Refit refit = Refit::off_grid_groups;
    static constexpr bool starts_on_grid = true;
};

struct Iq3SSpec : Iq3Spec {
    static constexpr int reach = 9;
    /// Only a maximum of zero counts as nothing.
    static constexpr float smallest_maximum = std::numeric_limits<float>::denorm_min();
    static constexpr bool even_signs = false;
    static constexpr Refit refit = Refit::all_when_off_grid;
    static constexpr bool starts_on_grid = false;
};

}  // namespace quantize::kernels::lattice

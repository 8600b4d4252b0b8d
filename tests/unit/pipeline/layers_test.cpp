// New numbers of layers when some are left out.
#include "pipeline/layers.h"

#include <catch2/catch_test_macros.hpp>
#include <vector>

using quantize::pipeline::LayerMap;

namespace {

LayerMap map_of(std::vector<std::uint32_t> pruned, std::vector<std::string_view> names) {
    return LayerMap(pruned, names);
}

}  // namespace

TEST_CASE("Layers after a pruned one close ranks") {
    const LayerMap map = map_of({1}, {"blk.0.a", "blk.1.a", "blk.2.a", "blk.10.a", "output"});
    CHECK(map.rename("blk.0.a") == "blk.0.a");
    CHECK_FALSE(map.rename("blk.1.a"));
    CHECK(map.rename("blk.2.a") == "blk.1.a");
    CHECK(map.rename("blk.10.a") == "blk.2.a");
    CHECK(map.rename("output") == "output");
    CHECK(map.layer_count() == 3);
}

TEST_CASE("Without pruning names stay, whatever they are") {
    const LayerMap map;
    CHECK(map.rename("blk.7.a") == "blk.7.a");
    CHECK_FALSE(map.prunes());
}

TEST_CASE("Pruning everything or nothing that exists") {
    CHECK(map_of({0, 1}, {"blk.0.a", "blk.1.a"}).layer_count() == 0);
    CHECK(map_of({99}, {"blk.0.a", "blk.1.a"}).layer_count() == 2);
}

TEST_CASE("Only numbers between dots are layers") {
    const LayerMap map = map_of({0}, {"v.blk.0.a", "blk.x.a", "blk.1x.a", "blk.99999999999.a"});
    CHECK_FALSE(map.rename("v.blk.0.a"));
    CHECK(map.rename("blk.x.a") == "blk.x.a");
    CHECK(map.rename("blk.1x.a") == "blk.1x.a");
    CHECK(map.rename("blk.99999999999.a") == "blk.99999999999.a");
}

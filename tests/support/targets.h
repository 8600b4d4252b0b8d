// Runs a piece of a test once for each instruction set that this machine has.
#pragma once

#include <catch2/catch_test_macros.hpp>

#include "kernels/dispatch.h"

namespace quantize::test {

/// Calls `body` with each target pinned in turn, and unpins at the end, also on failure.
template <class Body>
void for_each_target(const Body& body) {
    struct Unpin {
        ~Unpin() { kernels::unpin_target(); }
    } unpin;
    for (const std::string& target : kernels::available_targets()) {
        kernels::pin_target(target);
        INFO("target " << target);
        REQUIRE(kernels::active_target() == target);
        body();
    }
}

}  // namespace quantize::test

// Handing out work: all of it, the first error by number, the stop flag.
#include "pipeline/workers.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <thread>
#include <vector>

#include "quantize/error.h"

using namespace quantize;
using namespace quantize::pipeline;

TEST_CASE("Every piece runs once, on any number of threads") {
    const unsigned threads = GENERATE(1u, 2u, 3u, 7u);
    const std::atomic<bool> stop{false};
    std::vector<std::atomic<int>> runs(1000);
    run_pieces(threads, runs.size(), stop, [&](std::uint64_t i) { ++runs[i]; });
    for (const auto& count : runs)
        REQUIRE(count == 1);
    run_pieces(threads, 0, stop, [](std::uint64_t) { FAIL("nothing to do"); });
}

TEST_CASE("One thread is the calling one") {
    const std::atomic<bool> stop{false};
    const auto caller = std::this_thread::get_id();
    bool same = true;
    run_pieces(1, 10, stop, [&](std::uint64_t) { same &= std::this_thread::get_id() == caller; });
    CHECK(same);
}

TEST_CASE("The failure of the lowest number is the one that is told") {
    const unsigned threads = GENERATE(1u, 2u, 7u);
    const std::atomic<bool> stop{false};
    for (int round = 0; round < 50; ++round) {
        try {
            run_pieces(threads, 1000, stop, [](std::uint64_t i) {
                if (i >= 100) throw Error(std::to_string(i));
            });
            FAIL("no error");
        } catch (const Error& error) {
            REQUIRE(std::string(error.what()) == "100");
        }
    }
}

TEST_CASE("The stop flag ends the work as an interruption") {
    std::atomic<bool> stop{false};
    std::atomic<int> runs{0};
    try {
        run_pieces(2, 1'000'000, stop, [&](std::uint64_t) {
            if (++runs == 100) stop = true;
        });
        FAIL("no error");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::interrupted);
    }
    CHECK(runs < 1000);
}

// Chunks cover every element once, at allowed cuts, in every order.
#include "pipeline/chunks.h"

#include <catch2/catch_test_macros.hpp>
#include <set>

using namespace quantize::pipeline;

TEST_CASE("Chunks cover every tensor without gaps or overlap") {
    const std::vector<Divisible> tensors{
        {.elems = 0},
        {.elems = 5, .cols = 5},
        {.elems = 768 * 1000, .cols = 768, .unit = 256},
        {.elems = 3u << 22, .cols = 1u << 22, .unit = 256},
        {.elems = 3u << 22, .cols = 1u << 22, .unit = 256, .whole_rows = true}};
    const ChunkList chunks(tensors);
    std::size_t tensor = 0;
    std::uint64_t at = 0;
    for (std::uint64_t i = 0; i < chunks.size(); ++i) {
        const Chunk chunk = chunks[i];
        while (chunk.tensor != tensor) {
            CHECK(at == tensors[tensor].elems);
            ++tensor;
            at = 0;
        }
        REQUIRE(chunk.begin == at);
        REQUIRE(chunk.end > at);
        REQUIRE(chunk.begin % tensors[tensor].unit == 0);
        if (tensors[tensor].whole_rows) REQUIRE(chunk.begin % tensors[tensor].cols == 0);
        at = chunk.end;
    }
    CHECK(tensor == tensors.size() - 1);
    CHECK(at == tensors.back().elems);
    CHECK(chunks.chunks_of(0) == 0);
    CHECK(chunks.chunks_of(1) == 1);
    CHECK(chunks.chunks_of(4) == 3);
    CHECK(chunks.largest_elems() == 1u << 22);
}

TEST_CASE("Rows that stay whole come in sixteens while they are not too long") {
    for (const std::uint64_t cols : {32u, 2048u, 5120u, 11008u, 28672u, 53248u, 65536u}) {
        const ChunkList chunks(
            {{.elems = 1000 * cols, .cols = cols, .unit = 32, .whole_rows = true}});
        for (std::uint64_t i = 0; i + 1 < chunks.size(); ++i) {
            INFO(cols << " columns, chunk " << i);
            REQUIRE(chunks[i].elems() % (16 * cols) == 0);
        }
    }
    const ChunkList longer(
        {{.elems = 30u << 17, .cols = 1u << 17, .unit = 32, .whole_rows = true}});
    CHECK(longer[0].elems() == 8u << 17);
}

TEST_CASE("A seed reorders and loses nothing") {
    for (const std::uint64_t count : {0u, 1u, 2u, 3u, 10u, 97u, 1000u}) {
        for (const std::uint64_t seed : {1ull, 12345ull, 0xFFFFFFFFFFFFFFFFull}) {
            const ChunkOrder order(count, seed);
            std::set<std::uint64_t> seen;
            for (std::uint64_t i = 0; i < count; ++i)
                seen.insert(order(i));
            REQUIRE(seen.size() == count);
            REQUIRE((count == 0 || *seen.rbegin() == count - 1));
        }
    }
    const ChunkOrder unchanged(10, std::nullopt);
    CHECK(unchanged(7) == 7);
}

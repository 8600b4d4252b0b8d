// A run in which the n-th allocation fails, for every n: an exception that the caller can catch,
// and nothing left behind. This program's operator new counts for that; elsewhere it is the usual
// one.
#include <catch2/catch_test_macros.hpp>
#include <cstddef>
#include <cstdlib>
#include <new>

#include "model_builder.h"
#include "quantize/quantize.h"
#include "temporary_folder.h"

namespace {

/// Allocations of this thread until one fails; negative for never.
thread_local long allocations_left = -1;

bool fails_now() {
    if (allocations_left < 0) return false;
    return allocations_left-- == 0;
}

}  // namespace

// Not inlined: GCC would warn of a pair that it sees half of.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
    if (fails_now()) throw std::bad_alloc();
    void* memory = std::malloc(bytes == 0 ? 1 : bytes);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
// Together with the others: under AddressSanitizer each form is its own otherwise.
[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
    return fails_now() ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
}
// The buffers of a run are aligned.
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t alignment) {
    if (fails_now()) throw std::bad_alloc();
    const auto step = static_cast<std::size_t>(alignment);
    void* memory = std::aligned_alloc(step, (bytes + step - 1) / step * step);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

using namespace quantize::test;

namespace {

enum class Outcome { done, out_of_memory, error };

Outcome run_with_memory_for(long allocations, const quantize::Request& request) {
    allocations_left = allocations;
    Outcome outcome = Outcome::done;
    try {
        quantize::run(request);
    } catch (const std::bad_alloc&) {
        outcome = Outcome::out_of_memory;
    } catch (const quantize::Error&) {
        outcome = Outcome::error;
    }
    // Done with an allocation to spare, or none failed at all.
    allocations_left = -1;
    return outcome;
}

}  // namespace

TEST_CASE("Whichever allocation fails, the older output stands and nothing else is left") {
    const TemporaryFolder folder;
    ModelBuilder(1).tensor("blk.0.ffn_up.weight", {256, 4}).write(folder / "in.gguf");
    folder.write("out.gguf", "old");
    quantize::Request request;
    request.input = folder / "in.gguf";
    request.output = folder / "out.gguf";
    request.recipe = "Q4_K_M";
    request.threads = 1;
    request.verify = true;
    request.type_overrides.push_back({"ffn_(up|down)", quantize::TensorType::Q8_0});
    quantize::run(request);  // what is built once is there from now on
    folder.write("out.gguf", "old");

    long allocations = 0;
    for (;; ++allocations) {
        const Outcome outcome = run_with_memory_for(allocations, request);
        INFO("allocation " << allocations);
        REQUIRE(folder.names() == std::vector<std::string>{"in.gguf", "out.gguf"});
        if (outcome == Outcome::done) break;
        REQUIRE(outcome == Outcome::out_of_memory);
        // After the rename the output is the new one, as a whole.
        const std::string found = read_file(folder / "out.gguf");
        REQUIRE((found == "old" || found.starts_with("GGUF")));
    }
    CHECK(allocations > 100);
    CHECK(read_file(folder / "out.gguf").starts_with("GGUF"));
}

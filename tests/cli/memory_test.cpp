// Memory stays bounded whatever the tensors' sizes and the number of threads.
#include <catch2/catch_test_macros.hpp>

#include "fixture.h"

using namespace quantize::test;
namespace fs = std::filesystem;

TEST_CASE("A tensor of 4 GiB takes little memory", "[large]") {
    TemporaryFolder folder;
    if (fs::space(folder.path()).available < std::uintmax_t{10} << 30) SKIP("needs 10 GiB of disk");
    // F16 zeros; sparse on the disk. One row more than fits 32 bits of elements.
    const std::uint64_t rows = (std::uint64_t{1} << 19) + 1;
    GgufBuilder file;
    file.key("general.architecture", 8, raw_string("llama"))
        .key("llama.block_count", 4, raw(std::uint32_t{1}))
        .tensor("blk.0.ffn_up.weight", {4096, rows}, 1, 0);
    const std::string header = file.file();
    const fs::path input = folder.write("in.gguf", header);
    fs::resize_file(input, header.size() + rows * 4096 * 2);

    const auto result = run_program(
        {QUANTIZE_TOOL, "-q", input.string(), (folder / "out.gguf").string(), "Q8_0", "4"});
    CAPTURE(result.err);
    REQUIRE(result.status == 0);
    CHECK(fs::file_size(folder / "out.gguf") > rows * 4096);
    CHECK(result.peak_kib < 512 * 1024);
    CHECK(result.peak_kib < 64 * 1024);  // what it is; the promise is the line above
}

TEST_CASE("One row of 64 million weights takes little memory", "[large]") {
    TemporaryFolder folder;
    if (fs::space(folder.path()).available < std::uintmax_t{2} << 30) SKIP("needs 2 GiB of disk");
    const std::uint64_t cols = std::uint64_t{1} << 26;
    GgufBuilder file;
    file.key("general.architecture", 8, raw_string("llama"))
        .key("llama.block_count", 4, raw(std::uint32_t{1}))
        .tensor("blk.0.ffn_up.weight", {cols, 2}, 1, 0);
    const std::string header = file.file();
    const fs::path input = folder.write("in.gguf", header);
    fs::resize_file(input, header.size() + cols * 4);
    const auto result = run_program(
        {QUANTIZE_TOOL, "-q", input.string(), (folder / "out.gguf").string(), "Q4_0", "2"});
    REQUIRE(result.status == 0);
    CHECK(result.peak_kib < 64 * 1024);
}

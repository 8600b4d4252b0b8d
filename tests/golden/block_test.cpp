// Replays the golden blocks: every type that is registered, on every target of the machine.
#include <algorithm>
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstring>
#include <map>
#include <span>

#include "golden_blocks.h"
#include "quantize/error.h"
#include "quantize/format.h"
#include "sha256.h"
#include "targets.h"

namespace quantize::test {
namespace {

/// Files that cases share are read once.
const std::vector<float>& cached_floats(const std::filesystem::path& file) {
    static std::map<std::filesystem::path, std::vector<float>> cache;
    const auto found = cache.find(file);
    return found != cache.end() ? found->second
                                : cache.emplace(file, read_floats(file)).first->second;
}

struct Sample {
    std::span<const float> values;
    const float* weights = nullptr;
    std::size_t bytes = 0;
};

Sample load(const GoldenFolder& folder, const GoldenCase& golden) {
    Sample sample;
    sample.values = cached_floats(folder.path / golden.input);
    if (!golden.weights.empty()) {
        sample.weights = cached_floats(folder.path / golden.weights).data();
    }
    sample.bytes = static_cast<std::size_t>(golden.rows) *
                   row_bytes(golden.type, static_cast<std::uint64_t>(golden.cols));
    return sample;
}

std::vector<std::byte> encode_whole(const GoldenCase& golden, const Sample& sample) {
    std::vector<std::byte> blocks(sample.bytes);
    find_format(golden.type)
        ->encode(sample.values.data(), golden.rows, golden.cols, sample.weights, blocks.data());
    return blocks;
}

std::vector<std::byte> encode_by_rows(const GoldenCase& golden, const Sample& sample) {
    std::vector<std::byte> blocks(sample.bytes);
    const std::size_t row_size = sample.bytes / static_cast<std::size_t>(golden.rows);
    for (std::int64_t row = 0; row < golden.rows; ++row) {
        find_format(golden.type)
            ->encode(sample.values.data() + row * golden.cols, 1, golden.cols, sample.weights,
                     blocks.data() + static_cast<std::size_t>(row) * row_size);
    }
    return blocks;
}

/// Hash of what the blocks decode to; NaNs count as one.
std::string decoded_sha256(const GoldenCase& golden, const std::vector<std::byte>& blocks) {
    std::vector<float> values(static_cast<std::size_t>(golden.rows * golden.cols));
    find_format(golden.type)->decode(blocks.data(), golden.rows * golden.cols, values.data());
    for (float& v : values) {
        if (std::isnan(v)) v = std::bit_cast<float>(0x7FC00000u);
    }
    return sha256(std::as_bytes(std::span<const float>(values)));
}

/// Where two runs of blocks first differ, for the message of a failure.
std::string first_difference(const std::vector<std::byte>& ours,
                             const std::vector<std::byte>& theirs, TensorType type) {
    const auto at = std::ranges::mismatch(ours, theirs).in1 - ours.begin();
    const auto block_bytes = static_cast<std::ptrdiff_t>(type_info(type).block_bytes);
    return "block " + std::to_string(at / block_bytes) + ", byte " +
           std::to_string(at % block_bytes);
}

void check_case(const GoldenFolder& folder, const GoldenCase& golden) {
    const Sample sample = load(folder, golden);
    const std::vector<std::byte> blocks = encode_whole(golden, sample);
    if (!golden.expected.empty()) {
        const std::vector<std::byte> expected = read_bytes(folder.path / golden.expected);
        if (blocks != expected) {
            FAIL_CHECK("differs first at " << first_difference(blocks, expected, golden.type));
            return;
        }
    }
    CHECK(sha256(blocks) == golden.expected_sha256);
    CHECK((encode_by_rows(golden, sample) == blocks));
    CHECK(decoded_sha256(golden, blocks) == golden.decoded_sha256);
    const auto block_count =
        static_cast<std::int64_t>(sample.bytes / type_info(golden.type).block_bytes);
    CHECK((find_format(golden.type)->find_bad_block(blocks.data(), block_count) < 0) ==
          golden.valid);
}

/// Where the reference aborts, we either refuse with a message or write something sound.
void check_aborting_case(const GoldenFolder& folder, const GoldenCase& golden) {
    const Sample sample = load(folder, golden);
    if (find_format(golden.type)->weight_use == WeightUse::required && sample.weights == nullptr) {
        std::vector<std::byte> blocks(sample.bytes);
        CHECK_THROWS_AS(encode_rows(golden.type, sample.values, golden.cols, {}, blocks), Error);
    } else {
        CHECK(encode_whole(golden, sample) == encode_by_rows(golden, sample));
    }
}

void replay(const std::filesystem::path& path) {
    const GoldenFolder folder = load_golden(path);
    REQUIRE(folder.cases.size() > 100);
    for_each_target([&] {
        for (const GoldenCase& golden : folder.cases) {
            const Format* const format = find_format(golden.type);
            if (format == nullptr || format->encode == nullptr) continue;
            INFO(golden.name());
            try {
                (golden.aborts ? check_aborting_case : check_case)(folder, golden);
            } catch (const std::exception& error) {
                FAIL_CHECK(error.what());
            }
        }
    });
}

}  // namespace

TEST_CASE("SHA-256 of the standard's examples") {
    const auto of = [](std::string_view text) { return sha256(std::as_bytes(std::span(text))); };
    CHECK(of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("blocks equal the reference's: samples of this repository") {
    replay(std::filesystem::path(QUANTIZE_TEST_DATA) / "blocks");
}

TEST_CASE("blocks equal the reference's: the whole golden set") {
    const auto path = std::filesystem::path(QUANTIZE_SHARED_DATA) / "golden" / "blocks";
    if (!std::filesystem::exists(path / "manifest.json")) {
        SKIP("no golden blocks at " << path << "; set QUANTIZE_SHARED_DATA to test against them");
    }
    replay(path);
}

}  // namespace quantize::test

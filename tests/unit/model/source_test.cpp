// Models in one file and in several: what is found where, and which sets of files are refused.
#include "model/source.h"

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <functional>
#include <thread>

#include "fault_injection.h"
#include "gguf_builder.h"
#include "model/header.h"
#include "quantize/error.h"
#include "temporary_folder.h"

namespace quantize::model {
namespace {

namespace fs = std::filesystem;
using test::GgufBuilder;
using test::raw;
using test::raw_array;
using test::raw_string;
using test::TemporaryFolder;

std::string message_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

/// Shard `number` (from 0) of `count`, with one tensor of 32 bytes that hold `fill`.
GgufBuilder shard(std::uint16_t number, std::uint16_t count, std::string name, char fill) {
    GgufBuilder file;
    if (number == 0) file.key("general.architecture", 8, raw_string("llama"));
    file.key("split.no", 2, raw(number)).key("split.count", 2, raw(count));
    file.key("split.tensors.count", 5, raw(std::int32_t{count}));
    file.tensor(std::move(name), {8}, 0, 0);
    file.data.assign(32, fill);
    return file;
}

/// Three sound shards.
std::vector<GgufBuilder> sound_shards() {
    return {shard(0, 3, "a", 'A'), shard(1, 3, "b", 'B'), shard(2, 3, "c", 'C')};
}

fs::path write_shards(const TemporaryFolder& folder, const std::vector<GgufBuilder>& shards) {
    for (std::size_t i = 0; i < shards.size(); ++i) {
        folder.write("m-0000" + std::to_string(i + 1) + "-of-00003.gguf", shards[i].file());
    }
    return folder / "m-00001-of-00003.gguf";
}

std::string read_tensor(const TensorSource& source, std::string_view name) {
    const SourceTensor* tensor = source.find(name);
    REQUIRE(tensor != nullptr);
    std::string bytes(tensor->info.bytes(), '\0');
    source.read(*tensor, 0, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

TEST_CASE("one file is a model") {
    const TemporaryFolder folder;
    GgufBuilder file = test::small_model();
    for (std::size_t i = 0; i < file.data.size(); ++i)
        file.data[i] = static_cast<char>(i % 251);
    const fs::path path = folder.write("m.gguf", file.file());
    const TensorSource source(path);
    CHECK(source.files().size() == 1);
    CHECK(source.metadata().find("general.architecture")->as_string() == "llama");
    CHECK(source.tensors().size() == 2);
    CHECK(source.data_bytes() == 128 + 4096);
    CHECK(source.file_bytes() == fs::file_size(path));
    CHECK(source.find("nosuch") == nullptr);
    CHECK(read_tensor(source, "norm.weight") == file.data.substr(0, 128));

    const SourceTensor& tensor = *source.find("blk.0.weight");
    std::string part(100, '\0');
    source.will_need(tensor, 1000, part.size());
    source.read(tensor, 1000, std::as_writable_bytes(std::span(part)));
    CHECK(part == file.data.substr(128 + 1000, 100));
    CHECK_THROWS_AS(source.read(tensor, 4000, std::as_writable_bytes(std::span(part))), Error);
    CHECK_THROWS_AS(source.read(tensor, UINT64_MAX, std::as_writable_bytes(std::span(part))),
                    Error);
    source.check_unchanged();
    fs::resize_file(path, fs::file_size(path) - 1);
    CHECK_THROWS_AS(source.check_unchanged(), Error);
}

TEST_CASE("several files are one model") {
    const TemporaryFolder folder;
    const TensorSource source(write_shards(folder, sound_shards()));
    CHECK(source.files().size() == 3);
    REQUIRE(source.tensors().size() == 3);
    CHECK(source.tensors()[2].shard == 2);
    CHECK(source.data_bytes() == 96);
    CHECK(source.metadata().find("general.architecture") != nullptr);
    CHECK(read_tensor(source, "a") == std::string(32, 'A'));
    CHECK(read_tensor(source, "b") == std::string(32, 'B'));
    CHECK(read_tensor(source, "c") == std::string(32, 'C'));
}

TEST_CASE("any thread may read") {
    const TemporaryFolder folder;
    const TensorSource source(write_shards(folder, sound_shards()));
    std::atomic<int> right{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int round = 0; round < 200; ++round) {
                const SourceTensor& tensor = source.tensors()[static_cast<std::size_t>(round % 3)];
                std::string bytes(32, '\0');
                source.read(tensor, 0, std::as_writable_bytes(std::span(bytes)));
                if (bytes == std::string(32, static_cast<char>('A' + round % 3))) ++right;
            }
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    CHECK(right == 800);
}

TEST_CASE("files that do not belong together are refused, with the name of the one at fault") {
    const auto refusal = [](const std::function<void(std::vector<GgufBuilder>&)>& change) {
        const TemporaryFolder folder;
        std::vector<GgufBuilder> shards = sound_shards();
        change(shards);
        const fs::path first = write_shards(folder, shards);
        return message_of([&] { TensorSource{first}; });
    };
    const std::string missing = refusal([](auto& shards) { shards.pop_back(); });
    CHECK(contains(missing, "m-00003-of-00003.gguf: cannot open: No such file"));
    CHECK(contains(missing, "belongs to the split model m-00001-of-00003.gguf"));

    const std::string same = refusal([](auto& shards) { shards[1] = shard(0, 3, "b", 'B'); });
    CHECK(contains(same, "m-00002-of-00003.gguf: unexpected part"));
    CHECK(contains(refusal([](auto& shards) { shards[1] = shard(1, 4, "b", 'B'); }),
                   "m-00002-of-00003.gguf: unexpected part"));
    CHECK(contains(refusal([](auto& shards) { shards[2] = test::small_model(); }),
                   "m-00003-of-00003.gguf: not a part of a split model"));
    CHECK(contains(refusal([](auto& shards) { shards[2].magic = "XXXX"; }),
                   "m-00003-of-00003.gguf: not a GGUF file"));
    CHECK(contains(refusal([](auto& shards) { shards[2].tensors[0].name = "a"; }),
                   "m-00003-of-00003.gguf: tensor 'a': duplicate: m-00001-of-00003.gguf"));
    CHECK(contains(
        refusal([](auto& shards) { shards[2].tensor("d", {8}, 0, 32).data.append(32, 'D'); }),
        "m-00001-of-00003.gguf: key 'split.tensors.count'"));
    CHECK(contains(refusal([](auto& shards) { shards[0].keys.erase(shards[0].keys.begin() + 1); }),
                   "m-00001-of-00003.gguf: key 'split.no': missing"));
    CHECK(contains(refusal([](auto& shards) { shards[0] = shard(1, 3, "a", 'A'); }),
                   "give m-00001-of-00003.gguf"));
}

TEST_CASE("files of two models are told apart") {
    const auto refusal = [](const std::function<void(GgufBuilder&)>& change) {
        const TemporaryFolder folder;
        std::vector<GgufBuilder> shards = sound_shards();
        change(shards[1]);
        const fs::path first = write_shards(folder, shards);
        return message_of([&] { TensorSource{first}; });
    };
    // As some programs write them.
    CHECK(refusal([](auto& second) {
              second.key("general.architecture", 8, raw_string("llama"));
          }) == "no error");
    CHECK(refusal([](auto& second) { second.keys.pop_back(); }) == "no error");
    CHECK(contains(
        refusal([](auto& second) { second.key("general.architecture", 8, raw_string("qwen2")); }),
        "m-00002-of-00003.gguf: key 'general.architecture': unexpected part"));
    CHECK(contains(refusal([](auto& second) {
                       second.keys.back().second = raw(std::uint32_t{5}) + raw(std::int32_t{4});
                   }),
                   "m-00002-of-00003.gguf: key 'split.tensors.count': unexpected part"));
}

TEST_CASE("any file but the first is refused with the first one's name") {
    const TemporaryFolder folder;
    write_shards(folder, sound_shards());
    const std::string message = message_of([&] { TensorSource{folder / "m-00002-of-00003.gguf"}; });
    CHECK(contains(message, "file 2 of 3 of a split model; give m-00001-of-00003.gguf"));
}

TEST_CASE("a first file of another name is refused") {
    const TemporaryFolder folder;
    const fs::path path = folder.write("renamed.gguf", shard(0, 3, "a", 'A').file());
    CHECK(contains(message_of([&] { TensorSource{path}; }), "-00001-of-00003.gguf"));
}

TEST_CASE("a header of many megabytes is read in growing pieces") {
    const TemporaryFolder folder;
    GgufBuilder file = test::small_model();
    file.key("bulk", 9, raw_array(0, 5u << 20, std::string(5u << 20, 'b')));
    const io::InputFile input(folder.write("m.gguf", file.file()));
    const gguf::Document document = read_header(input);
    CHECK(document.find("bulk")->element_count() == 5u << 20);

    test::FaultPlan plan;
    plan.max_bytes = 100'000;
    plan.interrupts = 3;
    const test::FaultyCalls faults(plan);
    CHECK(read_header(input).metadata.size() == document.metadata.size());
}

TEST_CASE("a failing disk while the header is read is an error with the file's name") {
    const TemporaryFolder folder;
    const io::InputFile input(folder.write("m.gguf", test::small_model().file()));
    test::FaultPlan plan;
    plan.pread_error = EIO;
    const test::FaultyCalls faults(plan);
    CHECK(contains(message_of([&] { read_header(input); }), "m.gguf: cannot read at byte 0"));
}

TEST_CASE("the reference's split models are joined") {
    const fs::path inputs = fs::path(QUANTIZE_SHARED_DATA) / "golden/files/inputs";
    if (!fs::exists(inputs)) SKIP("no reference data at " << inputs);
    const TensorSource whole(inputs / "c2_llama_moe4_f16.gguf");
    const TensorSource split(inputs / "h3_split-00001-of-00003.gguf");
    CHECK(split.headers()[0].tensors.empty());
    REQUIRE(split.tensors().size() == whole.tensors().size());
    for (const SourceTensor& tensor : whole.tensors()) {
        CHECK(read_tensor(split, tensor.info.name) == read_tensor(whole, tensor.info.name));
    }
}

TEST_CASE("the kept set of damaged files is told from the sound ones") {
    int seen = 0;
    for (const auto& entry : fs::directory_iterator(QUANTIZE_TEST_DATA "/malformed")) {
        const std::string name = entry.path().filename().string();
        INFO(name);
        if (name.starts_with("accept-")) {
            ++seen;
            CHECK(message_of([&] { TensorSource{entry.path()}; }) == "no error");
        } else if (name.starts_with("reject-")) {
            ++seen;
            CHECK(contains(message_of([&] { TensorSource{entry.path()}; }), name));
        }
    }
    CHECK(seen > 30);
}

}  // namespace
}  // namespace quantize::model

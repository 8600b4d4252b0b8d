// The program where the system gives out: full disks, limits on memory and files. One line, status
// 1, nothing left, and the older output as it was.
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include "fixture.h"

using namespace quantize::test;
using Catch::Matchers::ContainsSubstring;
using Words = std::vector<std::string>;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define QUANTIZE_SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define QUANTIZE_SANITIZED
#endif
#endif

namespace {

/// Runs the tool after `setup`, a piece of shell.
ProgramResult run_after(const std::string& setup, const Words& arguments) {
    Words words{"/bin/sh", "-c", setup + " && exec \"$@\"", "sh", QUANTIZE_TOOL};
    words.insert(words.end(), arguments.begin(), arguments.end());
    return run_program(words);
}

/// A file system of its own in `folder`, which only the program run in it sees, and what the folder
/// holds afterwards. Status 77 when the machine does not allow it.
ProgramResult run_on_disk(const std::string& options, const std::filesystem::path& folder,
                          const std::string& before, const Words& arguments) {
    const std::string script = "disk=$1; shift; mount -t tmpfs -o " + options +
                               " none \"$disk\" || exit 77; " + before +
                               "\"$@\"; status=$?; ls -A \"$disk\"; exit $status";
    Words words{"/usr/bin/env", "unshare", "-m"};
    if (::geteuid() != 0) words.insert(words.end(), {"-U", "-r"});
    words.insert(words.end(), {"/bin/sh", "-c", script, "sh", folder.string(), QUANTIZE_TOOL});
    words.insert(words.end(), arguments.begin(), arguments.end());
    ProgramResult result = run_program(words);
    // 127: there is no unshare; 1 with its name: namespaces are forbidden.
    if (result.status == 127 || result.err.find("unshare:") != std::string::npos) {
        result.status = 77;
    }
    return result;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "A disk that is too small is found before work starts") {
    std::filesystem::create_directory(folder / "disk");
    const std::string options = GENERATE("size=64k", "size=1m,nr_inodes=1");
    const auto result = run_on_disk(
        options, folder / "disk", "",
        {"-q", (folder / "in.gguf").string(), (folder / "disk/out.gguf").string(), "Q8_0"});
    if (result.status == 77) SKIP("a file system of one's own is not allowed here: " << result.err);
    CAPTURE(result.err);
    CHECK(result.status == 1);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring("out.gguf"));
    CHECK_THAT(result.err, ContainsSubstring("space"));
    CHECK(result.out.empty());
}

TEST_CASE_METHOD(Fixture, "On a disk with room for one output the older one stands") {
    std::filesystem::create_directory(folder / "disk");
    // The output takes 285 KiB, and so does the older one that is still there.
    const auto result = run_on_disk(
        "size=400k", folder / "disk", "head -c 300000 /dev/zero >\"$disk/out.gguf\" || exit 77; ",
        {"-q", (folder / "in.gguf").string(), (folder / "disk/out.gguf").string(), "Q8_0"});
    if (result.status == 77) SKIP("a file system of one's own is not allowed here: " << result.err);
    CAPTURE(result.err);
    CHECK(result.status == 1);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring("not enough space"));
    CHECK(result.out == "out.gguf\n");
}

TEST_CASE_METHOD(Fixture, "A limit on the size of files is an error like a full disk") {
    folder.write("out.gguf", "old");
    const auto result = run_after(
        "ulimit -f 100", {(folder / "in.gguf").string(), (folder / "out.gguf").string(), "Q8_0"});
    CAPTURE(result.err);
    CHECK(result.status == 1);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring("ulimit -f"));
    CHECK(content("out.gguf") == "old");
    CHECK(folder.names() == Words{"in.gguf", "out.gguf"});
}

#ifndef QUANTIZE_SANITIZED  // which reserve address space without end
TEST_CASE("Too little memory is one line, and the older output stands") {
    TemporaryFolder folder;
    // A header of 40 MiB.
    ModelBuilder model(1);
    model.file().key("bulk", 9, raw_array(0, 40u << 20, std::string(40u << 20, 'b')));
    model.usual_tensors(1).write(folder / "in.gguf");
    folder.write("out.gguf", "old");
    int refused = 0;
    for (int mib = 64; mib <= 224; mib += 20) {
        INFO(mib << " MiB");
        const auto result = run_after(
            "ulimit -v " + std::to_string(mib * 1024),
            {"-q", (folder / "in.gguf").string(), (folder / "new.gguf").string(), "Q4_K_M", "2"});
        CAPTURE(result.err);
        if (result.status == 0) {
            std::filesystem::remove(folder / "new.gguf");
            continue;
        }
        ++refused;
        CHECK(result.status == 1);
        CHECK(is_one_line(result.err));
        CHECK_THAT(result.err, ContainsSubstring("memory"));
        CHECK(folder.names() == Words{"in.gguf", "out.gguf"});
    }
    CHECK(refused > 2);
    CHECK(read_file(folder / "out.gguf") == "old");
}
#endif

TEST_CASE_METHOD(Fixture, "A summary that cannot be written is told of") {
    const auto result =
        run_program({"/bin/sh", "-c", "exec \"$@\" >/dev/full", "sh", QUANTIZE_TOOL, "types"});
    CHECK(result.status == 1);
    CHECK(is_one_line(result.err));
    CHECK_THAT(result.err, ContainsSubstring("standard output"));
}

// Reading: complete, or an Error that names the file.
#include "io/input_file.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <functional>

#include "fault_injection.h"
#include "quantize/error.h"
#include "temporary_folder.h"

namespace quantize::io {
namespace {

using test::FaultPlan;
using test::FaultyCalls;
using test::TemporaryFolder;

std::string read_all(const InputFile& file) {
    std::string bytes(file.size(), '\0');
    file.read_at(0, std::as_writable_bytes(std::span(bytes)));
    return bytes;
}

std::string message_of(const std::function<void()>& action) {
    try {
        action();
    } catch (const Error& error) {
        return error.what();
    }
    return "no error";
}

TEST_CASE("ranges of a file are read") {
    const TemporaryFolder folder;
    const InputFile file(folder.write("in", "0123456789"));
    CHECK(file.size() == 10);
    CHECK(read_all(file) == "0123456789");
    std::string part(3, '\0');
    file.read_at(4, std::as_writable_bytes(std::span(part)));
    CHECK(part == "456");
    file.will_need(0, 10);
    file.check_unchanged();
}

TEST_CASE("short and interrupted reads are completed") {
    const TemporaryFolder folder;
    const InputFile file(folder.write("in", "0123456789"));
    FaultPlan plan;
    plan.max_bytes = 3;
    plan.interrupts = 5;
    const FaultyCalls faults(plan);
    CHECK(read_all(file) == "0123456789");
}

TEST_CASE("failing reads name the file and the place") {
    const TemporaryFolder folder;
    const InputFile file(folder.write("in.gguf", "0123456789"));
    FaultPlan plan;
    plan.pread_error = EIO;
    const FaultyCalls faults(plan);
    const std::string message = message_of([&] { read_all(file); });
    CHECK(message.find("in.gguf: cannot read at byte 0: Input/output error") != std::string::npos);
}

TEST_CASE("a file that shrinks or changes is noticed") {
    const TemporaryFolder folder;
    const auto path = folder.write("in.gguf", "0123456789");
    const InputFile file(path);
    std::filesystem::resize_file(path, 4);
    const std::string message = message_of([&] { read_all(file); });
    CHECK(message.find("in.gguf: unexpected end of file at byte 4") != std::string::npos);
    CHECK_THROWS_AS(file.check_unchanged(), Error);

    const InputFile other(path);
    other.check_unchanged();
    const auto earlier = std::filesystem::last_write_time(path) - std::chrono::hours(1);
    std::filesystem::last_write_time(path, earlier);
    CHECK_THROWS_AS(other.check_unchanged(), Error);
}

TEST_CASE("what is no regular file is refused without waiting") {
    const TemporaryFolder folder;
    const auto pipe = folder / "pipe";
    REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
    CHECK(message_of([&] { InputFile{pipe}; }).find("not a regular file") != std::string::npos);
    CHECK(message_of([&] { InputFile{folder.path()}; }).find("directory") != std::string::npos);
    CHECK(message_of([&] { InputFile{"/dev/null"}; }).find("/dev/null") != std::string::npos);
    CHECK(message_of([&] { InputFile{folder / "nosuch"}; }).find("No such file") !=
          std::string::npos);
}

TEST_CASE("a file has one identity by whatever name") {
    const TemporaryFolder folder;
    const auto path = folder.write("in", "x");
    const auto other = folder.write("other", "x");
    std::filesystem::create_symlink(path, folder / "soft");
    std::filesystem::create_hard_link(path, folder / "hard");
    const FileIdentity identity = InputFile(path).identity();
    CHECK(identify(folder / "soft") == identity);
    CHECK(identify(folder / "hard") == identity);
    CHECK(identify(folder.path() / "." / "in") == identity);
    CHECK(identify(other) != identity);
    CHECK_FALSE(identify(folder / "nosuch"));
}

}  // namespace
}  // namespace quantize::io

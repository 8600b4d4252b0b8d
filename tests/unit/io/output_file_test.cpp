// Writing: the name gets the complete file or keeps what it had, and nothing else stays behind.
#include "io/output_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "fault_injection.h"
#include "io/temporary.h"
#include "quantize/error.h"
#include "temporary_folder.h"

namespace quantize::io {
namespace {

namespace fs = std::filesystem;
using test::FaultPlan;
using test::FaultyCalls;
using test::read_file;
using test::TemporaryFolder;
using Names = std::vector<std::string>;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

void write_whole(const fs::path& path, std::string_view text, bool overwrite = true) {
    OutputFile file(path, text.size(), overwrite);
    file.write_at(0, bytes_of(text));
    file.commit();
}

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

TEST_CASE("a file appears when it is complete, and only then") {
    const TemporaryFolder folder;
    const fs::path path = folder / "out";
    {
        OutputFile file(path, 10);
        CHECK_FALSE(fs::exists(path));
        CHECK(folder.names().size() == 1);
        file.write_at(5, bytes_of("56789"));
        file.write_at(0, bytes_of("01234"));
        std::string back(10, '\0');
        file.read_at(0, std::as_writable_bytes(std::span(back)));
        CHECK(back == "0123456789");
        file.commit();
        CHECK(folder.names() == Names{"out"});
    }
    CHECK(read_file(path) == "0123456789");
}

TEST_CASE("without commit nothing stays, and an older file is as it was") {
    const TemporaryFolder folder;
    folder.write("out", "older");
    {
        OutputFile file(folder / "out", 10);
        file.write_at(0, bytes_of("0123456789"));
        CHECK(read_file(folder / "out") == "older");
    }
    CHECK(folder.names() == Names{"out"});
    CHECK(read_file(folder / "out") == "older");
    write_whole(folder / "out", "newer");
    CHECK(read_file(folder / "out") == "newer");
}

TEST_CASE("any number of threads may write") {
    const TemporaryFolder folder;
    constexpr std::size_t part = 1000;
    OutputFile file(folder / "out", 8 * part);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < 8; ++i) {
        threads.emplace_back([&file, i] {
            const std::string text(part, static_cast<char>('a' + i));
            file.write_at(i * part, bytes_of(text));
        });
    }
    for (std::thread& thread : threads)
        thread.join();
    file.commit();
    const std::string written = read_file(folder / "out");
    for (std::size_t i = 0; i < written.size(); ++i) {
        REQUIRE(written[i] == static_cast<char>('a' + i / part));
    }
}

TEST_CASE("short and interrupted writes are completed") {
    const TemporaryFolder folder;
    FaultPlan plan;
    plan.max_bytes = 3;
    plan.interrupts = 5;
    const FaultyCalls faults(plan);
    write_whole(folder / "out", "0123456789");
    CHECK(read_file(folder / "out") == "0123456789");
}

TEST_CASE("every fault is one line, leaves nothing and spares the older file") {
    struct Fault {
        const char* what;
        FaultPlan plan;
        const char* words;
    };
    const auto plan = [](auto set) {
        FaultPlan made;
        set(made);
        return made;
    };
    const std::vector<Fault> faults{
        {"full when reserving", plan([](auto& p) { p.preallocate_error = ENOSPC; }),
         "cannot reserve space: No space left on device; make room"},
        {"quota", plan([](auto& p) { p.preallocate_error = EDQUOT; }), "make room"},
        {"limit of the process", plan([](auto& p) { p.preallocate_error = EFBIG; }), "ulimit -f"},
        {"no reserving, no size", plan([](auto& p) {
             p.preallocate_error = EOPNOTSUPP;
             p.truncate_error = EFBIG;
         }),
         "cannot set the size"},
        {"full when writing", plan([](auto& p) {
             p.pwrite_error = ENOSPC;
             p.sound_writes = 1;
             p.max_bytes = 4;
         }),
         "cannot write: No space left on device"},
        {"writing does not move", plan([](auto& p) { p.pwrite_nothing = true; }), "cannot write"},
        {"disk fails when writing", plan([](auto& p) { p.pwrite_error = EIO; }),
         "cannot write: Input/output error"},
        {"disk fails at the sync", plan([](auto& p) { p.fsync_error = EIO; }),
         "cannot write to the disk: Input/output error"},
        {"no rename", plan([](auto& p) { p.rename_error = EACCES; }),
         "cannot give the file its name: Permission denied"},
    };
    for (const bool older : {false, true}) {
        for (const Fault& fault : faults) {
            INFO(fault.what);
            const TemporaryFolder folder;
            if (older) folder.write("out", "older");
            const FaultyCalls injected(fault.plan);
            const std::string message =
                message_of([&] { write_whole(folder / "out", "0123456789"); });
            INFO(message);
            CHECK(contains(message, "out: "));
            CHECK(contains(message, fault.words));
            CHECK(folder.names() == (older ? Names{"out"} : Names{}));
            if (older) CHECK(read_file(folder / "out") == "older");
        }
    }
}

TEST_CASE("a file system that cannot reserve space is written all the same") {
    const TemporaryFolder folder;
    FaultPlan plan;
    plan.preallocate_error = EOPNOTSUPP;
    const FaultyCalls faults(plan);
    write_whole(folder / "out", "0123456789");
    CHECK(read_file(folder / "out") == "0123456789");
}

/// Three outputs, of which the first and last replace an older file, ready to get their names.
std::vector<std::unique_ptr<OutputFile>> three_outputs(const TemporaryFolder& folder) {
    folder.write("a", "older a");
    folder.write("c", "older c");
    std::vector<std::unique_ptr<OutputFile>> files;
    for (const char* name : {"a", "b", "c"}) {
        files.push_back(std::make_unique<OutputFile>(folder / name, 3));
        files.back()->write_at(0, bytes_of("new"));
    }
    return files;
}

TEST_CASE("several files get their names together") {
    for (const bool no_exchange : {false, true}) {
        const TemporaryFolder folder;
        FaultPlan plan;
        plan.no_exchange = no_exchange;
        const FaultyCalls faults(plan);
        commit_together(three_outputs(folder));
        CHECK(folder.names() == Names{"a", "b", "c"});
        for (const char* name : {"a", "b", "c"})
            CHECK(read_file(folder / name) == "new");
    }
}

TEST_CASE("when one of several files cannot get its name, all names have what they had") {
    for (const int sound : {0, 1, 2}) {
        INFO(sound);
        const TemporaryFolder folder;
        FaultPlan plan;
        plan.rename_error = EACCES;
        plan.sound_renames = sound;
        const FaultyCalls faults(plan);
        const std::string message = message_of([&] { commit_together(three_outputs(folder)); });
        CHECK(contains(message, std::string(1, static_cast<char>('a' + sound)) +
                                    ": cannot give the file its name: Permission denied"));
        CHECK_FALSE(contains(message, "taken back"));
        CHECK(folder.names() == Names{"a", "c"});
        CHECK(read_file(folder / "a") == "older a");
        CHECK(read_file(folder / "c") == "older c");
    }
}

TEST_CASE("files that cannot be taken back are told of") {
    for (const bool no_exchange : {false, true}) {
        const TemporaryFolder folder;
        FaultPlan plan;
        plan.rename_error = EIO;
        plan.sound_renames = 2;
        plan.no_exchange = no_exchange;
        plan.rename_stays_broken = true;
        const FaultyCalls faults(plan);
        const std::string message = message_of([&] { commit_together(three_outputs(folder)); });
        CHECK(contains(message, "c: cannot give the file its name: Input/output error; 2 of the"));
        // Complete files all, and nothing else.
        CHECK(folder.names() == Names{"a", "b", "c"});
        CHECK(read_file(folder / "a") == "new");
        CHECK(read_file(folder / "b") == "new");
        CHECK(read_file(folder / "c") == "older c");
    }
}

TEST_CASE("a sync that fails leaves every name as it was") {
    for (const int sound : {0, 1, 2}) {
        const TemporaryFolder folder;
        FaultPlan plan;
        plan.fsync_error = EIO;
        plan.sound_fsyncs = sound;
        const FaultyCalls faults(plan);
        CHECK(contains(message_of([&] { commit_together(three_outputs(folder)); }),
                       "cannot write to the disk"));
        CHECK(folder.names() == Names{"a", "c"});
        CHECK(read_file(folder / "a") == "older a");
    }
}

TEST_CASE("a folder that fails to sync is reported, with the file in place") {
    const TemporaryFolder folder;
    FaultPlan plan;
    plan.fsync_error = EIO;
    plan.sound_fsyncs = 1;
    const FaultyCalls faults(plan);
    const std::string message = message_of([&] { write_whole(folder / "out", "new"); });
    CHECK(contains(message, "cannot write its name to the disk"));
    CHECK(folder.names() == Names{"out"});
}

TEST_CASE("not to overwrite means not to overwrite, whenever the file came") {
    const TemporaryFolder folder;
    folder.write("out", "older");
    CHECK(contains(message_of([&] { write_whole(folder / "out", "newer", false); }), "exists"));
    CHECK(read_file(folder / "out") == "older");

    {
        OutputFile file(folder / "late", 3, false);
        file.write_at(0, bytes_of("new"));
        folder.write("late", "someone else's");
        CHECK(contains(message_of([&] { file.commit(); }), "late: cannot write"));
    }
    CHECK(read_file(folder / "late") == "someone else's");
    write_whole(folder / "fresh", "new", false);
    CHECK(folder.names() == Names{"fresh", "late", "out"});
}

TEST_CASE("a link stays a link, and what it leads to is written") {
    const TemporaryFolder folder;
    fs::create_directory(folder / "far");
    folder.write("far/real", "older");
    fs::create_symlink("far/real", folder / "link");
    fs::create_symlink("far/not yet", folder / "dangling");
    write_whole(folder / "link", "newer");
    CHECK(fs::is_symlink(folder / "link"));
    CHECK(read_file(folder / "far/real") == "newer");
    write_whole(folder / "dangling", "first");
    CHECK(read_file(folder / "far/not yet") == "first");

    fs::create_symlink("loop", folder / "loop");
    CHECK(contains(message_of([&] { write_whole(folder / "loop", "x"); }), "too many links"));
}

TEST_CASE("permissions: of the file that is replaced, else as the umask says") {
    const TemporaryFolder folder;
    const auto mode_of = [&](const char* name) {
        struct stat status {};
        ::stat((folder / name).c_str(), &status);
        return status.st_mode & 0777u;
    };
    const mode_t umask_before = ::umask(0027);
    write_whole(folder / "fresh", "x");
    folder.write("old", "x");
    ::chmod((folder / "old").c_str(), 0604);
    write_whole(folder / "old", "y");
    ::umask(umask_before);
    CHECK(mode_of("fresh") == 0640);
    CHECK(mode_of("old") == 0604);
}

TEST_CASE("places where no file can be put are refused at once") {
    const TemporaryFolder folder;
    folder.write("file", "x");
    CHECK(contains(message_of([&] { OutputFile(folder.path(), 1); }), "directory"));
    CHECK(contains(message_of([&] { OutputFile(folder.path() / "", 1); }), "directory"));
    CHECK(contains(message_of([&] { OutputFile(folder / "nosuch/out", 1); }), "No such file"));
    CHECK(contains(message_of([&] { OutputFile(folder / "file/out", 1); }), "not a folder"));
    CHECK(contains(message_of([&] { OutputFile("/dev/null", 1); }), "not a regular file"));
    CHECK(contains(message_of([&] { OutputFile("", 1); }), "empty"));
    CHECK(folder.names() == Names{"file"});
    if (::geteuid() == 0) return;  // root may write anywhere
    ::chmod((folder / "file").c_str(), 0444);
    CHECK(contains(message_of([&] { OutputFile(folder / "file", 1); }), "read-only"));
    ::chmod(folder.path().c_str(), 0555);
    CHECK(contains(message_of([&] { OutputFile(folder / "out", 1); }), "Permission denied"));
    ::chmod(folder.path().c_str(), 0755);
}

TEST_CASE("a name as long as the file system allows can be written") {
    const TemporaryFolder folder;
    const std::string longest(255, 'n');
    write_whole(folder / longest, "x");
    CHECK(read_file(folder / longest) == "x");
    CHECK(contains(message_of([&] { write_whole(folder / (longest + "n"), "x"); }), "too long"));
    CHECK(folder.names() == Names{longest});
}

TEST_CASE("space is checked for all outputs of a disk together") {
    const TemporaryFolder folder;
    const std::vector<PlannedOutput> outputs{{folder / "a", 600}, {folder / "b", 500}};
    FaultPlan plan;
    plan.free_space = 1100;
    {
        const FaultyCalls faults(plan);
        CHECK_NOTHROW(check_free_space(outputs));
    }
    plan.free_space = 1099;
    {
        const FaultyCalls faults(plan);
        const std::string message = message_of([&] { check_free_space(outputs); });
        CHECK(contains(message, "a: not enough space"));
        CHECK(contains(message, "1100 bytes are needed, 1099 bytes are free"));
    }
    plan.free_space_unknown = true;
    const FaultyCalls faults(plan);
    CHECK_NOTHROW(check_free_space(outputs));
}

}  // namespace
}  // namespace quantize::io

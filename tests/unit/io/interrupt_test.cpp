// Signals and kills, in processes of their own: what is left behind, and what the next run makes of
// it.
#include "io/interrupt.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "io/output_file.h"
#include "io/temporary.h"
#include "quantize/error.h"
#include "temporary_folder.h"

namespace quantize::io {
namespace {

namespace fs = std::filesystem;
using test::read_file;
using test::TemporaryFolder;
using Names = std::vector<std::string>;

/// Runs `work` in a child that ends with its return value. The signals that a background job finds
/// ignored are not so there.
pid_t start(const std::function<int()>& work) {
    const pid_t child = ::fork();
    if (child == 0) {
        for (const int number : {SIGINT, SIGTERM, SIGHUP})
            ::signal(number, SIG_DFL);
        ::_exit(work());
    }
    return child;
}

int wait_for(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void wait_until(const std::function<bool()>& happened) {
    for (int i = 0; i < 5000 && !happened(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    REQUIRE(happened());
}

bool has_temporary(const TemporaryFolder& folder) {
    for (const std::string& name : folder.names()) {
        if (temporary_owner(name)) return true;
    }
    return false;
}

TEST_CASE("names of temporaries tell their process") {
    CHECK(temporary_name("m.gguf", 42, 0xdeadbeef) == ".m.gguf.42-deadbeef.quantize-tmp");
    CHECK(temporary_owner(".m.gguf.42-deadbeef.quantize-tmp") == 42);
    CHECK(temporary_name(std::string(400, 'x'), 42, 1).size() == 255);
    CHECK(temporary_owner(temporary_name(std::string(400, 'x'), 42, 1)) == 42);
    for (const char* name :
         {"m.gguf", ".quantize-tmp", ".m.gguf.quantize-tmp", "m.42-deadbeef.quantize-tmp",
          ".m.x-deadbeef.quantize-tmp", ".m.42-deadbee.quantize-tmp", ".m.-1-deadbeef.quantize-tmp",
          ".m.42-deadbeeg.quantize-tmp", ".42-deadbeef.quantize-tmp", ".m.0-deadbeef.quantize-tmp",
          ".m.99999999999-deadbeef.quantize-tmp", ".m.42-deadbeef.quantize-tmp2"}) {
        INFO(name);
        CHECK_FALSE(temporary_owner(name));
    }
}

TEST_CASE("the first signal sets the flag, and the work ends in its own way") {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        const TemporaryFolder folder;
        const pid_t child = start([&] {
            install_interrupt_handlers();
            OutputFile file(folder / "out", 10);
            while (!stop_flag().load())
                ::usleep(1000);
            return stop_signal();
        });
        wait_until([&] { return has_temporary(folder); });
        ::kill(child, number);
        CHECK(wait_for(child) == number);
        CHECK(folder.names().empty());
    }
}

TEST_CASE("the second signal ends the program at once and removes the temporaries") {
    const TemporaryFolder folder;
    const pid_t child = start([&] {
        install_interrupt_handlers();
        OutputFile first(folder / "a", 10);
        OutputFile second(folder / "b", 10);
        folder.write("ready", "");
        while (!stop_flag().load())
            ::usleep(1000);
        folder.write("told", "");
        for (;;)
            ::usleep(1000);
        return 0;
    });
    wait_until([&] { return fs::exists(folder / "ready"); });
    ::kill(child, SIGINT);
    // Two signals of one number that wait together would be one.
    wait_until([&] { return fs::exists(folder / "told"); });
    ::kill(child, SIGINT);
    CHECK(wait_for(child) == 128 + SIGINT);
    CHECK(folder.names() == Names{"ready", "told"});
}

TEST_CASE("an ignored hangup stays ignored") {
    const pid_t child = start([] {
        ::signal(SIGHUP, SIG_IGN);
        install_interrupt_handlers();
        ::raise(SIGHUP);
        return stop_flag().load() ? 1 : 0;
    });
    CHECK(wait_for(child) == 0);
}

TEST_CASE("the next run removes what a killed one left, and nothing else") {
    const TemporaryFolder folder;
    const pid_t killed = start([&] {
        OutputFile file(folder / "out", 10);
        for (;;)
            ::usleep(1000);
        return 0;
    });
    wait_until([&] { return has_temporary(folder); });
    const pid_t alive = start([&] {
        OutputFile file(folder / "other", 10);
        while (!fs::exists(folder / "end"))
            ::usleep(1000);
        return 0;
    });
    wait_until([&] { return folder.names().size() == 2; });
    folder.write(".mine.quantize-tmp", "");
    fs::create_directory(folder / ".d.1-00000000.quantize-tmp");

    ::kill(killed, SIGKILL);
    CHECK(wait_for(killed) == -SIGKILL);
    CHECK(folder.names().size() == 4);
    OutputFile(folder / "out", 10).commit();
    CHECK(folder.names().size() == 4);  // the killed one's is gone, ours has its name
    CHECK(fs::exists(folder / "out"));
    CHECK(fs::exists(folder / ".mine.quantize-tmp"));
    folder.write("end", "");
    CHECK(wait_for(alive) == 0);
    CHECK(folder.names() ==
          Names{".d.1-00000000.quantize-tmp", ".mine.quantize-tmp", "end", "out"});
}

TEST_CASE("a kill at any moment leaves the old file or the new one, whole") {
    const TemporaryFolder folder;
    constexpr std::size_t bytes = 1 << 16;
    const std::string old_text(bytes, 'o');
    const std::string new_text(bytes, 'n');
    std::mt19937 random(7);
    int survived = 0;
    for (int round = 0; round < 200; ++round) {
        const bool older = round % 2 == 0;
        fs::remove(folder / "out");
        if (older) folder.write("out", old_text);
        const pid_t child = start([&] {
            OutputFile file(folder / "out", bytes);
            for (std::size_t at = 0; at < bytes; at += 1024) {
                file.write_at(at, std::as_bytes(std::span(new_text).subspan(at, 1024)));
            }
            file.commit();
            return 0;
        });
        ::usleep(random() % 1500);
        ::kill(child, SIGKILL);
        survived += wait_for(child) == 0 ? 1 : 0;
        const std::string content = read_file(folder / "out");
        const bool whole = content == new_text || (older && content == old_text);
        CHECK((whole || (!older && !fs::exists(folder / "out"))));
        CHECK(folder.names().size() <= 2);
    }
    remove_stale_temporaries(folder.path());
    CHECK_FALSE(has_temporary(folder));
    INFO(survived << " of 200 ended before the kill");
    CHECK(survived < 200);
}

}  // namespace
}  // namespace quantize::io

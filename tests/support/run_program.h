// Runs a program as a user would and keeps what it said.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include "temporary_folder.h"

extern char** environ;

namespace quantize::test {

struct ProgramResult {
    int status = -1;  ///< exit status; 128 + signal when a signal ended it
    std::string out;
    std::string err;
    long peak_kib = 0;  ///< largest resident memory
};

/// A running program whose output goes to files.
class Program {
 public:
    /// `extra_environment` entries are "NAME=value".
    explicit Program(const std::vector<std::string>& words,
                     const std::vector<std::string>& extra_environment = {}) {
        std::vector<std::string> environment = extra_environment;
        for (char** entry = environ; *entry != nullptr; ++entry)
            environment.emplace_back(*entry);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        const int flags = O_WRONLY | O_CREAT | O_TRUNC;
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_addopen(&actions, 1, (folder_ / "out").c_str(), flags, 0600);
        posix_spawn_file_actions_addopen(&actions, 2, (folder_ / "err").c_str(), flags, 0600);
        // A background job finds these ignored; the program shall not.
        sigset_t defaults;
        sigemptyset(&defaults);
        for (const int number : {SIGINT, SIGTERM, SIGHUP})
            sigaddset(&defaults, number);
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        const int error = posix_spawn(&pid_, words.front().c_str(), &actions, &attributes,
                                      pointers(words).data(), pointers(environment).data());
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        if (error != 0) throw std::runtime_error("cannot run " + words.front());
    }
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;

    void send(int signal) const { ::kill(pid_, signal); }

    ProgramResult wait() {
        int status = 0;
        rusage used{};
        while (::wait4(pid_, &status, 0, &used) < 0) {
        }
        return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
                read_file(folder_ / "out"), read_file(folder_ / "err"), used.ru_maxrss};
    }

 private:
    static std::vector<char*> pointers(const std::vector<std::string>& words) {
        std::vector<char*> list;
        for (const std::string& word : words)
            list.push_back(const_cast<char*>(word.c_str()));
        list.push_back(nullptr);
        return list;
    }

    TemporaryFolder folder_;
    pid_t pid_ = 0;
};

inline ProgramResult run_program(const std::vector<std::string>& words,
                                 const std::vector<std::string>& extra_environment = {}) {
    return Program(words, extra_environment).wait();
}

}  // namespace quantize::test

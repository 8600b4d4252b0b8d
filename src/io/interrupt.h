// Signals that ask the program to end: the first sets a flag that the work looks at, the second
// ends the program at once, without leaving temporary files behind.
#pragma once

#include <atomic>
#include <string>

namespace quantize::io {

/// From now on SIGINT, SIGTERM and SIGHUP set the stop flag (a signal that is ignored stays
/// ignored, as under nohup). A write beyond a limit of the file size becomes an error.
void install_interrupt_handlers();

/// Set by the first signal. The one mutable global of the program.
std::atomic<bool>& stop_flag();

/// The signal that set the flag; 0 when none did. The exit code is 128 and this number.
int stop_signal();

/// Notes a temporary file for as long as this object lives: a second signal removes it. Does
/// nothing beyond a fixed number of files, or for a path that is too long; such a leftover is
/// removed by the next run.
class RegisteredTemporary {
 public:
    RegisteredTemporary() = default;
    explicit RegisteredTemporary(const std::string& absolute_path);
    ~RegisteredTemporary() { release(); }
    RegisteredTemporary(RegisteredTemporary&& other) noexcept;
    RegisteredTemporary& operator=(RegisteredTemporary&& other) noexcept;

    void release();

 private:
    int slot_ = -1;
};

}  // namespace quantize::io

// The signal handler and the fixed table of temporary files that it may remove.
#include "io/interrupt.h"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

namespace quantize::io {
namespace {

/// Outputs that are open at a time: shards of one model, of which large ones have some dozens.
constexpr int slot_count = 256;
constexpr std::size_t max_path_bytes = 1024;

enum class SlotState : int { free, filling, set };

/// A handler may neither allocate nor lock: names lie in fixed places, and one atomic per place
/// says whether the name is complete.
struct Slot {
    std::atomic<SlotState> state{SlotState::free};
    std::array<char, max_path_bytes> path{};
};

std::array<Slot, slot_count> slots;
std::atomic<bool> stop{false};
std::atomic<int> first_signal{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free &&
              std::atomic<SlotState>::is_always_lock_free);

extern "C" void handle_signal(int number) {
    int none = 0;
    if (first_signal.compare_exchange_strong(none, number)) {
        stop.store(true);
        return;
    }
    for (const Slot& slot : slots) {
        if (slot.state.load(std::memory_order_acquire) == SlotState::set) {
            ::unlink(slot.path.data());
        }
    }
    ::_exit(128 + number);
}

}  // namespace

void install_interrupt_handlers() {
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        struct sigaction current {};
        ::sigaction(number, nullptr, &current);
        if (current.sa_handler == SIG_IGN) continue;
        struct sigaction action {};
        action.sa_handler = handle_signal;
        ::sigemptyset(&action.sa_mask);
        action.sa_flags = SA_RESTART;
        ::sigaction(number, &action, nullptr);
    }
    // Beyond "ulimit -f" the signal would end the program; ignored, the write fails with EFBIG.
    static_cast<void>(::signal(SIGXFSZ, SIG_IGN));
}

std::atomic<bool>& stop_flag() {
    return stop;
}

int stop_signal() {
    return first_signal.load();
}

RegisteredTemporary::RegisteredTemporary(const std::string& absolute_path) {
    if (absolute_path.size() >= max_path_bytes) return;
    for (int i = 0; i < slot_count; ++i) {
        Slot& slot = slots[static_cast<std::size_t>(i)];
        SlotState expected = SlotState::free;
        if (!slot.state.compare_exchange_strong(expected, SlotState::filling)) continue;
        std::memcpy(slot.path.data(), absolute_path.c_str(), absolute_path.size() + 1);
        slot.state.store(SlotState::set, std::memory_order_release);
        slot_ = i;
        return;
    }
}

RegisteredTemporary::RegisteredTemporary(RegisteredTemporary&& other) noexcept
    : slot_(std::exchange(other.slot_, -1)) {}

RegisteredTemporary& RegisteredTemporary::operator=(RegisteredTemporary&& other) noexcept {
    if (this != &other) {
        release();
        slot_ = std::exchange(other.slot_, -1);
    }
    return *this;
}

void RegisteredTemporary::release() {
    if (slot_ >= 0) slots[static_cast<std::size_t>(slot_)].state.store(SlotState::free);
    slot_ = -1;
}

}  // namespace quantize::io

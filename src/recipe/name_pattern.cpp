// std::regex tries every way to match, which for patterns such as (a*)*b are more than a computer
// can try, and calls itself for each step, which for patterns such as (a*){9000} is deeper than the
// stack. The iterator that it walks over the name with counts the steps, looks how far the stack
// has grown, and ends the search; src/CMakeLists.txt bounds what happens between two looks.
#include "recipe/name_pattern.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>

#include "quantize/error.h"

namespace quantize {
namespace {

/// Far above what anybody writes by hand, and low enough that the recursive compiler of
/// std::regex cannot exhaust the stack on nested parentheses.
constexpr std::size_t max_pattern_bytes = 1000;

/// More digits than any count or back reference that can be met needs, and few enough that
/// std::regex, which adds them up unchecked, stays within a long.
constexpr std::size_t max_number_digits = 9;

/// A hundred alternatives tried at each of a name's 63 bytes take some ten thousand steps; a
/// million take well under a tenth of a second.
constexpr std::uint64_t max_steps = 1'000'000;

/// A quarter of the stack that a main thread has by default.
constexpr std::uintptr_t max_stack_bytes = 2U << 20;

struct TooHard {};

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/// Whether a number that std::regex reads as one, after '{', ',' or '\\', has too many digits.
bool has_too_long_a_number(std::string_view text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '{' && text[at] != ',' && text[at] != '\\') continue;
        const auto first = text.begin() + static_cast<std::ptrdiff_t>(at) + 1;
        const auto digits = std::find_if_not(first, text.end(), is_digit) - first;
        if (static_cast<std::size_t>(digits) > max_number_digits) return true;
    }
    return false;
}

std::uintptr_t stack_position() {
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

/// What one search may spend.
class Budget {
 public:
    void take_step() {
        const std::uintptr_t here = stack_position();
        const std::uintptr_t depth = here < start_ ? start_ - here : here - start_;
        if (++steps_ > max_steps || depth > max_stack_bytes) throw TooHard();
    }

 private:
    std::uint64_t steps_ = 0;
    std::uintptr_t start_ = stack_position();
};

/// A pointer into the name that takes a step, for itself and all its copies, whenever it is used.
class CountingIterator {
 public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator() = default;
    CountingIterator(const char* at, Budget& budget) : at_(at), budget_(&budget) {}

    reference operator*() const {
        count();
        return *at_;
    }
    CountingIterator& operator++() {
        count();
        ++at_;
        return *this;
    }
    CountingIterator operator++(int) {
        CountingIterator before = *this;
        ++*this;
        return before;
    }
    CountingIterator& operator--() {
        count();
        --at_;
        return *this;
    }
    CountingIterator operator--(int) {
        CountingIterator before = *this;
        --*this;
        return before;
    }
    bool operator==(const CountingIterator& other) const {
        if (budget_ != nullptr) count();
        return at_ == other.at_;
    }

 private:
    void count() const { budget_->take_step(); }

    const char* at_ = nullptr;
    Budget* budget_ = nullptr;
};

}  // namespace

NamePattern::NamePattern(std::string text) : text_(std::move(text)) {
    if (text_.size() > max_pattern_bytes) {
        refuse("longer than " + std::to_string(max_pattern_bytes) + " bytes; split it up");
    }
    if (has_too_long_a_number(text_)) {
        refuse("a number with more than " + std::to_string(max_number_digits) + " digits");
    }
    try {
        compiled_.assign(text_);
    } catch (const std::regex_error& error) {
        if (error.code() == std::regex_constants::error_space) {
            refuse("repeats too much; write it more simply");
        }
        refuse(std::string("not a regular expression (") + printable(error.what()) + ")");
    }
}

bool NamePattern::is_found_in(std::string_view name) const {
    Budget budget;
    const CountingIterator first(name.data(), budget);
    const CountingIterator last(name.data() + name.size(), budget);
    try {
        return std::regex_search(first, last, compiled_);
    } catch (const TooHard&) {
        refuse("too hard to match, with too many ways to try; write it more simply");
    } catch (const std::regex_error& error) {
        refuse(std::string("too hard to match (") + printable(error.what()) + ")");
    }
}

void NamePattern::refuse(const std::string& cause) const {
    throw Error("pattern '" + printable(text_) + "' of a tensor type: " + cause, ErrorKind::usage);
}

}  // namespace quantize

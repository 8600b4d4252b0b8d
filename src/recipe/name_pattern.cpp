// std::regex tries every way to match, which for patterns such as (a*)*b are more than a computer
// can try. The iterator that it walks over the name with counts the steps and ends the search.
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

struct TooManySteps {};

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

/// A pointer into the name that counts, for itself and all its copies, how often it is used.
class CountingIterator {
 public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator() = default;
    CountingIterator(const char* at, std::uint64_t& steps) : at_(at), steps_(&steps) {}

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
        if (steps_ != nullptr) count();
        return at_ == other.at_;
    }

 private:
    void count() const {
        if (++*steps_ > max_steps) throw TooManySteps();
    }

    const char* at_ = nullptr;
    std::uint64_t* steps_ = nullptr;
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
        refuse(std::string("not a regular expression (") + printable(error.what()) + ")");
    }
}

bool NamePattern::is_found_in(std::string_view name) const {
    std::uint64_t steps = 0;
    const CountingIterator first(name.data(), steps);
    const CountingIterator last(name.data() + name.size(), steps);
    try {
        return std::regex_search(first, last, compiled_);
    } catch (const TooManySteps&) {
        refuse("too hard to match, with more than a million steps; write it more simply");
    } catch (const std::regex_error& error) {
        refuse(std::string("too hard to match (") + printable(error.what()) + ")");
    }
}

void NamePattern::refuse(const std::string& cause) const {
    throw Error("pattern '" + printable(text_) + "' of a tensor type: " + cause, ErrorKind::usage);
}

}  // namespace quantize

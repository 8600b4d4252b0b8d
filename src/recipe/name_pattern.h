// A regular expression over tensor names, as --tensor-type takes it: the reference's dialect
// (ECMAScript, found anywhere in the name), with bounds on what compiling and matching may cost.
#pragma once

#include <regex>
#include <string>
#include <string_view>

namespace quantize {

class NamePattern {
 public:
    /// Throws Error of kind usage for what is no regular expression, or too long a one.
    explicit NamePattern(std::string text);

    const std::string& text() const { return text_; }

    /// Throws Error of kind usage when the pattern is too hard to match on this name.
    bool is_found_in(std::string_view name) const;

 private:
    [[noreturn]] void refuse(const std::string& cause) const;

    std::string text_;
    std::regex compiled_;
};

}  // namespace quantize

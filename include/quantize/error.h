// The one exception type of the library: what went wrong, where, and what to do about it.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace quantize {

/// What class of failure an Error is; the command line maps it to an exit code.
enum class ErrorKind {
    usage,        ///< the request itself makes no sense (exit code 2)
    failed,       ///< a file, its content, or the system stood in the way (exit code 1)
    interrupted,  ///< somebody asked to stop (exit code 130)
};

/// An error with its context. `what()` is one line that is safe to print: file, then tensor or
/// key, then what is wrong and what to do; control characters are shown escaped.
class Error : public std::runtime_error {
 public:
    explicit Error(std::string_view message, ErrorKind kind = ErrorKind::failed);

    ErrorKind kind() const noexcept { return kind_; }
    const std::string& message() const noexcept { return message_; }
    const std::string& file() const noexcept { return file_; }
    const std::string& item() const noexcept { return item_; }

    /// The same error with the file that it concerns; a file that is already known stays.
    Error in_file(std::string_view file) const;
    /// The same error with what in the file it concerns, such as "tensor 'output.weight'" or
    /// "key 'general.alignment'"; an item that is already known stays.
    Error at(std::string_view item) const;

 private:
    Error(std::string message, std::string file, std::string item, ErrorKind kind);

    ErrorKind kind_;
    std::string message_;
    std::string file_;
    std::string item_;
};

/// `text` with control characters, escapes and bytes outside UTF-8 written as \xNN (\n, \t for
/// the usual ones), so that a name taken from a file cannot drive a terminal. Text longer than
/// `limit` bytes is cut and ends in "...".
std::string printable(std::string_view text, std::size_t limit = 200);

/// "tensor 'NAME'" and "key 'NAME'", printable: items as Error::at() takes them.
std::string tensor_item(std::string_view name);
std::string key_item(std::string_view name);

/// Runs `body`; an Error that leaves it is given `file` as its context.
template <class Body>
decltype(auto) with_file_context(std::string_view file, Body&& body) {
    try {
        return std::forward<Body>(body)();
    } catch (const Error& error) {
        throw error.in_file(file);
    }
}

}  // namespace quantize

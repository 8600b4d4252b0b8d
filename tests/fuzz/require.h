// What the fuzz programs share: a check that also holds where assert() is compiled out, and the
// promise that every error keeps, to be one line that is safe to print.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "quantize/error.h"

namespace quantize::fuzz {

/// Ends the run, so that libFuzzer keeps the input.
inline void require(bool condition) {
    if (!condition) std::abort();
}

inline void require_printable(const Error& error) {
    for (const char c : std::string_view(error.what())) {
        require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
    }
}

/// Calls `body`, from which nothing but an Error may come.
template <class Body>
void expect_error_or_nothing(const Body& body) {
    try {
        body();
    } catch (const Error& error) {
        require_printable(error);
    }
}

/// The input, taken from its front piece by piece; what is missing reads as zero.
class Input {
 public:
    Input(const std::uint8_t* data, std::size_t size) : bytes_(data, size) {}

    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        const std::uint8_t first = bytes_.front();
        bytes_ = bytes_.subspan(1);
        return first;
    }
    std::span<const std::uint8_t> rest() const { return bytes_; }
    std::string_view rest_as_text() const {
        return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
    }

 private:
    std::span<const std::uint8_t> bytes_;
};

}  // namespace quantize::fuzz

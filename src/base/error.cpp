// The exception's one-line text, and the escaping that makes names from files safe to show.
#include "quantize/error.h"

#include <array>
#include <cstdint>

namespace quantize {
namespace {

/// Length of the well-formed UTF-8 sequence at the start of `text`; 0 when it is not one.
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    std::size_t length = 0;
    std::uint32_t code = 0;
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) {
        length = 2;
        code = lead & 0x1Fu;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        length = 3;
        code = lead & 0x0Fu;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        length = 4;
        code = lead & 0x07u;
    } else {
        return 0;
    }
    if (text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0u) != 0x80u) return 0;
        code = code << 6 | (byte(i) & 0x3Fu);
    }
    const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
    const bool surrogate = code >= 0xD800 && code <= 0xDFFF;
    // C1 controls, and the marks that change the direction of text or separate lines.
    const bool control = (code >= 0x80 && code < 0xA0) || (code >= 0x200E && code <= 0x200F) ||
                         (code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
    return overlong || surrogate || code > 0x10FFFF || control ? 0 : length;
}

std::string one_line(const std::string& file, const std::string& item, const std::string& message) {
    std::string line;
    if (!file.empty()) line += printable(file) + ": ";
    if (!item.empty()) line += item + ": ";
    return line + message;
}

}  // namespace

Error::Error(std::string_view message, ErrorKind kind)
    : Error(std::string(message), std::string(), std::string(), kind) {}

Error::Error(std::string message, std::string file, std::string item, ErrorKind kind)
    : std::runtime_error(one_line(file, item, message)),
      kind_(kind),
      message_(std::move(message)),
      file_(std::move(file)),
      item_(std::move(item)) {}

Error Error::in_file(std::string_view file) const {
    return file_.empty() ? Error(message_, std::string(file), item_, kind_) : *this;
}

Error Error::at(std::string_view item) const {
    return item_.empty() ? Error(message_, file_, std::string(item), kind_) : *this;
}

std::string tensor_item(std::string_view name) {
    return "tensor '" + printable(name) + "'";
}

std::string key_item(std::string_view name) {
    return "key '" + printable(name) + "'";
}

std::string printable(std::string_view text, std::size_t limit) {
    static constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    while (!text.empty()) {
        if (out.size() >= limit) return out + "...";
        const unsigned char byte = static_cast<unsigned char>(text.front());
        std::size_t length = utf8_length(text);
        if (byte < 0x20 || byte == 0x7F || length == 0) {
            length = 1;
            if (byte == '\n') {
                out += "\\n";
            } else if (byte == '\t') {
                out += "\\t";
            } else {
                out += {'\\', 'x', digits[byte >> 4], digits[byte & 15u]};
            }
        } else {
            out += text.substr(0, length);
        }
        text.remove_prefix(length);
    }
    return out;
}

}  // namespace quantize

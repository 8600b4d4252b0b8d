// Target names and pinning on top of Highway's run-time dispatch.
#include "kernels/dispatch.h"

#include <hwy/highway.h>

#include <algorithm>
#include <cstdlib>

#include "quantize/error.h"

namespace quantize::kernels {
namespace {

/// Our names where Highway's are jargon; EMU128 is plain C++ that any compiler can build.
std::string target_name(std::int64_t bit) {
    if (bit == HWY_EMU128 || bit == HWY_SCALAR) return "scalar";
    if (bit == HWY_AVX3) return "AVX-512";
    return hwy::TargetName(bit);
}

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return out;
}

/// Bits of the targets that are both compiled in and supported here, best (lowest bit) first.
std::vector<std::int64_t> usable_bits() {
    std::vector<std::int64_t> bits = hwy::SupportedAndGeneratedTargets();
    const auto scalar = HWY_EMU128;
    if (std::ranges::find(bits, scalar) == bits.end()) bits.push_back(scalar);
    std::ranges::sort(bits);
    return bits;
}

std::int64_t& pinned_bit() {
    static std::int64_t bit = 0;
    return bit;
}

void use(std::int64_t bit) {
    pinned_bit() = bit;
    // And those after it, for kernels that are not compiled for this one.
    std::int64_t bits = 0;
    for (const std::int64_t usable : usable_bits())
        bits |= usable >= bit ? usable : 0;
    hwy::GetChosenTarget().Update(bits);
}

}  // namespace

std::vector<std::string> available_targets() {
    std::vector<std::string> names;
    for (const std::int64_t bit : usable_bits())
        names.push_back(target_name(bit));
    return names;
}

std::string active_target() {
    return target_name(pinned_bit() ? pinned_bit() : usable_bits()[0]);
}

void pin_target(std::string_view name) {
    std::string known;
    for (const std::int64_t bit : usable_bits()) {
        const std::string candidate = target_name(bit);
        if (lower(candidate) == lower(name) || lower(hwy::TargetName(bit)) == lower(name)) {
            use(bit);
            return;
        }
        known += (known.empty() ? "" : ", ") + candidate;
    }
    throw Error("this machine cannot run the target '" + printable(name) + "'; it can run " + known,
                ErrorKind::usage);
}

void unpin_target() {
    const char* wanted = std::getenv("QUANTIZE_TARGET");
    if (wanted != nullptr && *wanted != '\0') {
        pin_target(wanted);
    } else {
        use(usable_bits()[0]);
    }
}

}  // namespace quantize::kernels

// What the programs for block formats share: the type that an input is about, buffers that end at
// forbidden memory (some kernels are compiled without sanitizers), and the comparison of targets.
#pragma once

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "guarded_buffer.h"
#include "kernels/dispatch.h"
#include "quantize/format.h"
#include "require.h"

namespace quantize::fuzz {

/// Every type that has code.
inline const std::vector<const Format*>& formats() {
    static const std::vector<const Format*> all = [] {
        std::vector<const Format*> found;
        for (const TypeInfo& info : tensor_types) {
            if (const Format* format = find_format(info.type)) found.push_back(format);
        }
        require(!found.empty());
        return found;
    }();
    return all;
}

/// Memory that is used again by each input: the last elements before a page that nobody may touch.
template <class T>
class GuardedPool {
 public:
    explicit GuardedPool(std::size_t most) : buffer_(most) {}
    std::span<T> take(std::size_t count) {
        require(count <= buffer_.size());
        return buffer_.span().last(count);
    }

 private:
    test::GuardedBuffer<T> buffer_;
};

/// Floats, where all NaNs count as one.
inline bool same_floats(std::span<const float> a, std::span<const float> b) {
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (std::isnan(a[i]) && std::isnan(b[i])) continue;
        if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) return false;
    }
    return true;
}

/// Calls `body` on scalar code and then on each other target of the machine; it returns whether
/// what it did agrees with scalar code, and is told whether it is scalar code itself.
template <class Body>
void on_every_target(const Body& body) {
    static const std::vector<std::string> targets = [] {
        std::vector<std::string> names = kernels::available_targets();
        require(names.back() == "scalar");
        names.pop_back();
        return names;
    }();
    kernels::pin_target("scalar");
    require(body(true));
    for (const std::string& target : targets) {
        kernels::pin_target(target);
        require(body(false));
    }
}

}  // namespace quantize::fuzz

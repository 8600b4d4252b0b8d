// Values as they lie in memory: binary32, or F16, which kernels widen as they read. To widen them
// beforehand would cost what hardly computes a tenth of its time.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quantize::kernels {

class StoredValues {
 public:
    StoredValues() = default;
    StoredValues(const float* floats) : floats_(floats) {}  // NOLINT(google-explicit-constructor)
    /// F16, little-endian and without any alignment.
    static StoredValues of_halves(const std::byte* halves) {
        StoredValues values;
        values.halves_ = reinterpret_cast<const std::uint16_t*>(halves);
        return values;
    }

    /// Where they lie; null for the form that they do not have.
    const float* floats() const { return floats_; }
    const std::uint16_t* halves() const { return halves_; }

    /// Those from the given one on.
    StoredValues from(std::int64_t elem) const {
        StoredValues values;
        if (halves_ != nullptr) {
            values.halves_ = halves_ + elem;
        } else {
            values.floats_ = floats_ + elem;
        }
        return values;
    }

 private:
    const float* floats_ = nullptr;
    const std::uint16_t* halves_ = nullptr;
};

}  // namespace quantize::kernels

// Placeholder until the scale searches exist: encoding with importance weights is refused.
#include "formats/legacy_weighted.h"

#include "quantize/error.h"

namespace quantize::formats {

void encode_weighted(TensorType type, const float*, std::int64_t, std::int64_t, const float*,
                     std::byte*) {
    throw Error(std::string(type_name(type)) + " with importance weights is not built yet");
}

}  // namespace quantize::formats

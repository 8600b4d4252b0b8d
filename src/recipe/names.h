// Names as people type them: compared without case, and the known ones nearest to a mistyped one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace quantize::recipe {

/// Equal but for the case of ASCII letters.
bool equal_names(std::string_view name, std::string_view other);

/// How far a typed name is from a known one, without regard to case: 1 for each letter left out,
/// 2 for each that is too many, replaced, or swapped with its neighbour.
std::size_t typing_distance(std::string_view typed, std::string_view known);

/// Up to `limit` of `known` nearest to `name`, nearest first, leaving out what is nothing like it.
std::vector<std::string> nearest_names(std::string_view name,
                                       const std::vector<std::string_view>& known,
                                       std::size_t limit = 3);

}  // namespace quantize::recipe

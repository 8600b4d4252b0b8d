// Names as people type them: compared without case, and the known ones nearest to a mistyped one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace quantize::recipe {

/// Equal but for the case of ASCII letters.
bool equal_names(std::string_view name, std::string_view other);

/// How many letters must be inserted, dropped, replaced or swapped with their neighbour to turn
/// one name into the other, without regard to case.
std::size_t edit_distance(std::string_view name, std::string_view other);

/// Up to `limit` of `known` nearest to `name`, nearest first, leaving out what is nothing like it.
std::vector<std::string> nearest_names(std::string_view name,
                                       const std::vector<std::string_view>& known,
                                       std::size_t limit = 3);

}  // namespace quantize::recipe

// Edit distance over names, and the suggestions made with it.
#include "recipe/names.h"

#include <algorithm>
#include <utility>

#include "quantize/recipe.h"

namespace quantize::recipe {
namespace {

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// People leave letters out more often than they add or replace them ("Q4KM").
constexpr std::size_t left_out = 1;
constexpr std::size_t mistyped = 2;

/// A typed name may be of any length; no known one is longer than this.
constexpr std::size_t longest_name = 32;

}  // namespace

bool equal_names(std::string_view name, std::string_view other) {
    return std::ranges::equal(name, other, {}, lower, lower);
}

std::size_t typing_distance(std::string_view typed, std::string_view known) {
    // Three rows of the table of distances between beginnings of both names.
    std::vector<std::size_t> before_last(known.size() + 1);
    std::vector<std::size_t> last(known.size() + 1);
    std::vector<std::size_t> current(known.size() + 1);
    for (std::size_t j = 0; j <= known.size(); ++j)
        last[j] = j * left_out;
    for (std::size_t i = 1; i <= typed.size(); ++i) {
        current[0] = i * mistyped;
        for (std::size_t j = 1; j <= known.size(); ++j) {
            const bool same = lower(typed[i - 1]) == lower(known[j - 1]);
            current[j] = std::min({last[j] + mistyped, current[j - 1] + left_out,
                                   last[j - 1] + (same ? 0 : mistyped)});
            const bool swapped = i > 1 && j > 1 && lower(typed[i - 1]) == lower(known[j - 2]) &&
                                 lower(typed[i - 2]) == lower(known[j - 1]);
            if (swapped) current[j] = std::min(current[j], before_last[j - 2] + mistyped);
        }
        std::swap(before_last, last);
        std::swap(last, current);
    }
    return last[known.size()];
}

std::vector<std::string> nearest_names(std::string_view name,
                                       const std::vector<std::string_view>& known,
                                       std::size_t limit) {
    name = name.substr(0, longest_name);
    std::vector<std::pair<std::size_t, std::string_view>> ranked;
    for (std::string_view candidate : known) {
        const std::size_t distance = typing_distance(name, candidate);
        if (distance < std::max(name.size() * mistyped, candidate.size() * left_out))
            ranked.emplace_back(distance, candidate);
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    // What is much farther than the nearest is no second guess but noise.
    if (!ranked.empty()) {
        const std::size_t farthest = 2 * ranked.front().first + left_out;
        std::erase_if(ranked, [&](const auto& entry) { return entry.first > farthest; });
    }
    if (ranked.size() > limit) ranked.resize(limit);
    std::vector<std::string> names;
    names.reserve(ranked.size());
    for (const auto& [distance, candidate] : ranked)
        names.emplace_back(candidate);
    return names;
}

}  // namespace quantize::recipe

namespace quantize {

std::vector<std::string> nearest_recipe_names(std::string_view name) {
    std::vector<std::string_view> known;
    for (const Recipe& recipe : recipes())
        known.push_back(recipe.name);
    return recipe::nearest_names(name, known);
}

std::vector<std::string> nearest_type_names(std::string_view name) {
    std::vector<std::string_view> known;
    for (const TypeInfo& info : tensor_types) {
        if (info.type_class != TypeClass::verbatim) known.push_back(info.name);
    }
    return recipe::nearest_names(name, known);
}

}  // namespace quantize

// The recipes as data: ordered rules over recipe, role, position among the layers and facts of
// the model. `choose` walks the table; the first rule that applies gives the type.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "quantize/tensor_type.h"
#include "recipe/category.h"

namespace quantize::recipe {

/// The numbers of recipes, as files record them in general.file_type.
enum class FileType : std::uint32_t {
    F32 = 0,
    F16 = 1,
    Q4_0 = 2,
    Q4_1 = 3,
    Q8_0 = 7,
    Q5_0 = 8,
    Q5_1 = 9,
    Q2_K = 10,
    Q3_K_S = 11,
    Q3_K_M = 12,
    Q3_K_L = 13,
    Q4_K_S = 14,
    Q4_K_M = 15,
    Q5_K_S = 16,
    Q5_K_M = 17,
    Q6_K = 18,
    IQ2_XXS = 19,
    IQ2_XS = 20,
    Q2_K_S = 21,
    IQ3_XS = 22,
    IQ3_XXS = 23,
    IQ1_S = 24,
    IQ4_NL = 25,
    IQ3_S = 26,
    IQ3_M = 27,
    IQ2_S = 28,
    IQ2_M = 29,
    IQ4_XS = 30,
    IQ1_M = 31,
    BF16 = 32,
    TQ1_0 = 36,
    TQ2_0 = 37,
    MXFP4_MOE = 38,
    Q1_0 = 40,
    Q2_0 = 41,
};

/// A set of enumerators below 64, such as recipes or roles.
template <class Enum>
class SetOf {
 public:
    constexpr SetOf(std::initializer_list<Enum> members) {
        for (Enum member : members)
            bits_ |= bit(member);
    }
    constexpr SetOf(Enum member) : bits_(bit(member)) {}
    static constexpr SetOf everything() { return SetOf(~std::uint64_t{0}); }

    constexpr bool contains(Enum member) const { return (bits_ & bit(member)) != 0; }
    constexpr SetOf operator|(SetOf other) const { return SetOf(bits_ | other.bits_); }
    constexpr SetOf without(SetOf other) const { return SetOf(bits_ & ~other.bits_); }

 private:
    explicit constexpr SetOf(std::uint64_t bits) : bits_(bits) {}
    static constexpr std::uint64_t bit(Enum member) {
        return std::uint64_t{1} << static_cast<std::uint32_t>(member);
    }
    std::uint64_t bits_ = 0;
};
using Recipes = SetOf<FileType>;
using Roles = SetOf<Role>;
using Types = SetOf<TensorType>;

/// Facts that a rule may ask for; flags, so that a rule can ask for several.
using Facts = std::uint32_t;
namespace fact {
inline constexpr Facts none = 0;
inline constexpr Facts shared_values = 1u << 0;  ///< 4 or more query heads share one value head
inline constexpr Facts four_experts = 1u << 1;   ///< 4 or more experts
inline constexpr Facts eight_experts = 1u << 2;  ///< exactly 8 experts
inline constexpr Facts not_eight_experts = 1u << 3;
inline constexpr Facts falcon = 1u << 4;
inline constexpr Facts not_falcon = 1u << 5;
inline constexpr Facts imatrix = 1u << 6;
inline constexpr Facts no_imatrix = 1u << 7;
inline constexpr Facts class_70b = 1u << 8;        ///< see is_70b_class
inline constexpr Facts stacked_experts = 1u << 9;  ///< the tensor holds several matrices
inline constexpr Facts odd_rows = 1u << 10;        ///< rows are no whole blocks of the default type
}  // namespace fact

/// Which tensors of a class a rule means, by their place among the layers.
enum class Place {
    anywhere,
    first_two,
    first_four,
    first_sixteenth,
    first_eighth,
    first_eighth_counted,  ///< as first_eighth, but counting tensors where experts exist too
    middle,                ///< all but the first and the last eighth
    spread,                ///< first and last eighth, and every third layer between
};

struct Position {
    std::int64_t index;          ///< layer, or how many of the class came before
    std::int64_t counted_index;  ///< how many of the class came before
    std::int64_t count;          ///< layers, or tensors of the class
};

bool is_at(Place place, const Position& position);

/// One line of a mixture: for these recipes and roles, where these facts hold, at this place.
struct Rule {
    Recipes recipes;
    Roles roles;
    Facts facts;
    Place place;
    TensorType type;
    std::string_view reason;
};

/// Ordered: the first that applies decides; where none does, the recipe's default type stands.
std::span<const Rule> rules();

/// A second look at what the rules chose, again the first that applies.
struct Amendment {
    Recipes recipes;
    Roles roles;
    Facts facts;
    Types from;
    TensorType to;
    std::string_view reason;
};
std::span<const Amendment> amendments();

/// Models of the shape of Llama 2 70B, whose value matrices are an eighth of their queries'.
bool is_70b_class(std::string_view architecture, std::uint32_t layers, std::uint32_t heads,
                  std::uint32_t kv_heads);

/// What a type becomes when a row is not a whole number of its blocks.
struct Fallback {
    Types from;
    TensorType to;
};
std::span<const Fallback> fallbacks();

/// Types that make no sense without importance weights, and in which recipes.
struct WeightNeed {
    Recipes recipes;
    Types types;
};
std::span<const WeightNeed> weight_needs();

}  // namespace quantize::recipe

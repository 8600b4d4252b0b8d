// Leaving layers out (--prune-layers): which tensors go, and the new numbers of those that stay.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace quantize::pipeline {

/// The renumbering of a model's layers. Layers before the first one that goes keep their number,
/// the others close ranks, also over gaps that the model had.
class LayerMap {
 public:
    /// Nothing goes.
    LayerMap() = default;
    /// `pruned` is sorted. `names` are all tensors of the model.
    LayerMap(std::span<const std::uint32_t> pruned, std::span<const std::string_view> names);

    /// The tensor's name in the output; nothing when it goes.
    std::optional<std::string> rename(const std::string& name) const;
    bool prunes() const { return prunes_; }
    /// Layers that the output has.
    std::uint32_t layer_count() const { return next_; }

 private:
    bool prunes_ = false;
    std::uint32_t next_ = 0;
    /// Old number to new; nothing for a layer that goes.
    std::map<std::uint32_t, std::optional<std::uint32_t>> numbers_;
};

}  // namespace quantize::pipeline

// Progress for people: a bar on a terminal, now and then a plain line elsewhere.
#pragma once

#include <memory>

#include "quantize/quantize.h"

namespace quantize::cli {

enum class ProgressMode { automatic, on, off };

/// `automatic` gives a bar on a terminal and plain lines elsewhere; `on` a bar anywhere.
std::unique_ptr<ProgressSink> make_progress(ProgressMode mode);

}  // namespace quantize::cli

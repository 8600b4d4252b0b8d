// Small public functions: the version, targets, headers, signals.
#include "version.h"

#include "gguf/split.h"
#include "io/input_file.h"
#include "io/interrupt.h"
#include "kernels/dispatch.h"
#include "model/header.h"
#include "model/source.h"
#include "quantize/error.h"
#include "quantize/quantize.h"

namespace quantize {

const char* version() {
    return QUANTIZE_VERSION;
}

std::string active_target() {
    return kernels::active_target();
}

std::vector<std::string> available_targets() {
    return kernels::available_targets();
}

void pin_target(const std::string& name) {
    kernels::pin_target(name);
}

std::vector<FileHeader> read_headers(const std::filesystem::path& file) {
    const io::InputFile single(file);
    gguf::Document header = model::read_header(single);
    const auto position =
        with_file_context(file.string(), [&] { return gguf::shard_position(header); });
    if (!position || position->index != 0) {
        return {{single.path(), single.size(), std::move(header)}};
    }
    const model::TensorSource source(file);
    std::vector<FileHeader> headers;
    for (std::size_t i = 0; i < source.files().size(); ++i) {
        const io::InputFile& shard = source.files()[i];
        headers.push_back({shard.path(), shard.size(), source.headers()[i]});
    }
    return headers;
}

const std::atomic<bool>& stop_on_signals() {
    io::install_interrupt_handlers();
    return io::stop_flag();
}

int last_signal() {
    return io::stop_signal();
}

}  // namespace quantize

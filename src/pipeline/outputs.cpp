// Names and identities of files.
#include "pipeline/outputs.h"

#include "gguf/split.h"
#include "io/input_file.h"
#include "quantize/error.h"

namespace quantize::pipeline {

std::vector<std::filesystem::path> output_paths(const Request& request, std::size_t count) {
    if (!request.keep_split) return {request.output};
    constexpr std::string_view suffix = ".gguf";
    std::string prefix = request.output.string();
    if (prefix.ends_with(suffix)) prefix.resize(prefix.size() - suffix.size());
    std::vector<std::filesystem::path> paths;
    for (std::size_t i = 0; i < count; ++i) {
        paths.emplace_back(gguf::shard_name(prefix, static_cast<std::uint32_t>(i),
                                            static_cast<std::uint32_t>(count)));
    }
    return paths;
}

void check_not_input(const std::vector<std::filesystem::path>& outputs,
                     const model::TensorSource& source, const Request& request) {
    for (const std::filesystem::path& output : outputs) {
        const auto identity = io::identify(output);
        if (!identity) continue;
        const auto refuse = [&](const std::string& input) {
            throw Error("is also the input " + printable(input) + "; give the output another name")
                .in_file(output.string());
        };
        for (const io::InputFile& file : source.files()) {
            if (file.identity() == *identity) refuse(file.path().string());
        }
        if (!request.imatrix.empty() && io::identify(request.imatrix) == identity) {
            refuse(request.imatrix);
        }
    }
}

}  // namespace quantize::pipeline

// A folder with a small model, and the tool to run on it.
#pragma once

#include <string>
#include <vector>

#include "model_builder.h"
#include "run_program.h"
#include "temporary_folder.h"

namespace quantize::test {

class Fixture {
 public:
    Fixture() { ModelBuilder().usual_tensors().write(folder / "in.gguf"); }

    /// Runs the tool; words that start with '@' name files in the folder.
    ProgramResult run(std::vector<std::string> words,
                      const std::vector<std::string>& environment = {}) const {
        for (std::string& word : words) {
            if (word.starts_with('@')) word = (folder / word.substr(1)).string();
        }
        words.insert(words.begin(), QUANTIZE_TOOL);
        return run_program(words, environment);
    }

    std::string content(std::string_view name) const { return read_file(folder / name); }
    bool exists(std::string_view name) const { return std::filesystem::exists(folder / name); }

    TemporaryFolder folder;
};

/// One line that ends, as every error is.
inline bool is_one_line(const std::string& text) {
    return text.find('\n') == text.size() - 1;
}

}  // namespace quantize::test

// The two forms of importance matrices, each read into the index of an ImportanceMatrix.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "io/input_file.h"
#include "model/imatrix.h"
#include "quantize/error.h"

namespace quantize::model {

/// "entry 'NAME'", for messages.
std::string quoted_entry(std::string_view name);

class GgufImatrixReader {
 public:
    static void read(const io::InputFile& file, const ImatrixFilter& filter,
                     ImportanceMatrix& matrix);
};

class LegacyImatrixReader {
 public:
    static void read(const io::InputFile& file, const ImatrixFilter& filter,
                     ImportanceMatrix& matrix);

 private:
    LegacyImatrixReader(const io::InputFile& file, const ImatrixFilter& filter,
                        ImportanceMatrix& matrix)
        : file_(file), filter_(filter), matrix_(matrix) {}

    void read_all();
    void read_entry(std::int32_t number);
    void read_trailer();
    std::uint64_t remaining() const { return file_.size() - at_; }
    std::int32_t take_number();
    std::string take_text(std::uint64_t length);

    const io::InputFile& file_;
    const ImatrixFilter& filter_;
    ImportanceMatrix& matrix_;
    std::uint64_t at_ = 0;
};

}  // namespace quantize::model

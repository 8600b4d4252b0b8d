// Reads a GGUF file's header: as much of the file as the parser asks for, never all of it.
#pragma once

#include "io/input_file.h"
#include "quantize/gguf.h"

namespace quantize::model {

/// Parses the header of `file`; an Error names the file.
gguf::Document read_header(const io::InputFile& file);

}  // namespace quantize::model

// Recognises common strangers by their first bytes, and tensor types that are gone or not ggml's.
#include "gguf/foreign_files.h"

#include <algorithm>
#include <array>

#include "quantize/error.h"

namespace quantize::gguf {
namespace {

struct Signature {
    std::string_view start;
    std::string_view meaning;
};

constexpr std::array<Signature, 11> signatures{{
    {"version https://git-lfs",
     "it is a git-lfs pointer, not the model itself; run 'git lfs pull' in its repository"},
    {"<!DOCTYPE", "it is a web page; the download did not fetch the model"},
    {"<!doctype", "it is a web page; the download did not fetch the model"},
    {"<html", "it is a web page; the download did not fetch the model"},
    {"FUGG",
     "it is a big-endian GGUF file, which is unsupported; convert the original model again"},
    {"tjgg", "it is an old GGJT file; convert the original model to GGUF again"},
    {"fmgg", "it is an old GGMF file; convert the original model to GGUF again"},
    {"lmgg", "it is an old GGML file; convert the original model to GGUF again"},
    {"PK\x03\x04",
     "it is a zip archive or PyTorch checkpoint; convert it with convert_hf_to_gguf.py"},
    {"\x1f\x8b", "it is compressed with gzip; unpack it first"},
    {"\x28\xb5\x2f\xfd", "it is compressed with zstd; unpack it first"},
}};

}  // namespace

std::string describe_foreign_file(std::span<const std::byte> file_start, std::uint64_t file_size) {
    if (file_size == 0) return "the file is empty; get a complete copy";
    const std::string_view start(reinterpret_cast<const char*>(file_start.data()),
                                 std::min<std::size_t>(file_start.size(), 32));
    for (const Signature& signature : signatures) {
        if (start.starts_with(signature.start)) return std::string(signature.meaning);
    }
    // A safetensors file starts with the length of its JSON header, then that header.
    if (start.size() > 9 && start[8] == '{' && start[7] == 0) {
        return "it is a safetensors file; convert it with convert_hf_to_gguf.py";
    }
    if (std::ranges::all_of(start, [](char c) { return c == 0; })) {
        return "it starts with zeros, as an unfinished download does; get a complete copy";
    }
    return "it starts with '" + printable(start.substr(0, 4)) +
           "' instead of 'GGUF'; convert the model with convert_hf_to_gguf.py";
}

std::string describe_unknown_type(std::uint32_t number) {
    // The blocks repacked for one processor, and two early formats, were removed from ggml.
    const bool removed = number == 4 || number == 5 || (number >= 31 && number <= 33) ||
                         (number >= 36 && number <= 38);
    if (removed) {
        return "unsupported tensor type " + std::to_string(number) +
               ", which was removed from the format; convert the original model again";
    }
    // ik_llama.cpp numbers its own types from 97 on.
    const bool of_fork = number >= 97 && number < 512;
    return "unknown tensor type " + std::to_string(number) +
           (of_fork ? ", probably one of a fork of llama.cpp; quantize from the original model"
                    : "; the file is damaged, or newer than this program");
}

}  // namespace quantize::gguf

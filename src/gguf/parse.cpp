// From the first bytes of a file to a Document that can be trusted. No I/O: the caller hands over
// as much of the file as it has and comes back with more when that is not enough.
#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/bytes.h"
#include "gguf/alignment.h"
#include "gguf/encoding.h"
#include "gguf/foreign_files.h"
#include "gguf/limits.h"
#include "quantize/error.h"
#include "quantize/gguf.h"

namespace quantize::gguf {
namespace {

constexpr const char* truncated = "the file is truncated or damaged, get a complete copy";

/// Thrown by the reader, caught by parse(): the header goes on at least up to `end`.
struct NeedsMore {
    std::uint64_t end;
};

/// Takes the header's pieces one after the other, each checked against the end of the file.
class HeaderReader {
 public:
    HeaderReader(std::span<const std::byte> file_start, std::uint64_t file_size)
        : bytes_(file_start), file_size_(file_size) {}

    std::uint64_t position() const { return at_; }
    std::uint64_t left_in_file() const { return file_size_ - at_; }
    std::uint64_t file_size() const { return file_size_; }

    /// Most faults of a header have one remedy; an empty one is for a message that has its own.
    [[noreturn]] void fail(const std::string& message,
                           const std::string& remedy = "the file is damaged, get it anew") const {
        throw Error(message + " (at byte " + std::to_string(at_) + ")" +
                    (remedy.empty() ? "" : "; " + remedy));
    }

    std::span<const std::byte> take(std::uint64_t count) {
        if (count > left_in_file()) {
            fail("the file is truncated: its header runs beyond the end of the file, " +
                     std::to_string(file_size_) + " bytes",
                 "get a complete copy");
        }
        const std::uint64_t end = at_ + count;
        if (end > max_header_bytes) {
            fail("the header is too large: more than " + std::to_string(max_header_bytes >> 20) +
                 " MiB of metadata");
        }
        if (end > bytes_.size()) throw NeedsMore{end};
        const auto taken =
            bytes_.subspan(static_cast<std::size_t>(at_), static_cast<std::size_t>(count));
        at_ = end;
        return taken;
    }

    template <class T>
    T number() {
        return load_le<T>(take(sizeof(T)).data());
    }

    std::string_view string() {
        const auto length = number<std::uint64_t>();
        if (length > left_in_file()) {
            fail("invalid string: its length is stated as " + std::to_string(length) +
                     " bytes, but the file has only " + std::to_string(left_in_file()) + " left",
                 truncated);
        }
        const auto text = take(length);
        return {reinterpret_cast<const char*>(text.data()), text.size()};
    }

    /// Back to a place that was passed.
    void rewind(std::uint64_t position) { at_ = position; }

    /// The bytes from `start` up to here.
    std::string_view since(std::uint64_t start) const {
        return {reinterpret_cast<const char*>(bytes_.data()) + start,
                static_cast<std::size_t>(at_ - start)};
    }

 private:
    std::span<const std::byte> bytes_;
    std::uint64_t file_size_;
    std::uint64_t at_ = 0;
};

/// Walks over one value and checks it on the way.
class ValueWalker {
 public:
    explicit ValueWalker(HeaderReader& reader) : reader_(reader) {}

    Value read(std::uint32_t type_number) {
        const std::uint64_t start = reader_.position();
        const ValueType type = checked_type(type_number);
        walk(type, 0);
        std::string encoded(reader_.since(start));
        if (has_odd_booleans_) {
            // Any byte but 0 is true; ggml writes it back as 1. Once more over the value, now with
            // the copy at hand.
            copy_ = &encoded;
            copy_start_ = start;
            reader_.rewind(start);
            walk(type, 0);
        }
        return {type, std::move(encoded)};
    }

 private:
    ValueType checked_type(std::uint32_t number) const {
        const auto type = static_cast<ValueType>(number);
        if (!fixed_size(type) && type != ValueType::string && type != ValueType::array) {
            reader_.fail("invalid value type " + std::to_string(number) +
                         "; the format knows 0 to 12");
        }
        return type;
    }

    void walk(ValueType type, unsigned depth) {
        if (type == ValueType::string) {
            reader_.string();
        } else if (type == ValueType::array) {
            walk_array(depth);
        } else {
            walk_numbers(type, 1);
        }
    }

    void walk_array(unsigned depth) {
        if (depth >= max_array_nesting) {
            reader_.fail("arrays are nested too deep: more than " +
                         std::to_string(max_array_nesting) + " levels");
        }
        const ValueType element = checked_type(reader_.number<std::uint32_t>());
        const auto count = reader_.number<std::uint64_t>();
        const std::size_t least_bytes = fixed_size(element).value_or(
            element == ValueType::string ? sizeof(std::uint64_t) : array_header_bytes);
        if (count > reader_.left_in_file() / least_bytes) {
            reader_.fail("invalid array: " + std::to_string(count) +
                             " elements are stated, more than fit before the end of the file",
                         truncated);
        }
        if (fixed_size(element)) {
            walk_numbers(element, count);
        } else {
            for (std::uint64_t i = 0; i < count; ++i)
                walk(element, depth + 1);
        }
    }

    void walk_numbers(ValueType type, std::uint64_t count) {
        // No overflow: the count was held against the bytes left, or is 1.
        const std::uint64_t start = reader_.position();
        const auto taken = reader_.take(count * *fixed_size(type));
        if (type != ValueType::boolean) return;
        const auto is_odd = [](std::byte stored) { return stored > std::byte{1}; };
        if (std::ranges::none_of(taken, is_odd)) return;
        has_odd_booleans_ = true;
        if (copy_ == nullptr) return;
        const auto at = static_cast<std::size_t>(start - copy_start_);
        for (char& stored : std::span(*copy_).subspan(at, taken.size())) {
            stored = stored != 0 ? 1 : 0;
        }
    }

    HeaderReader& reader_;
    bool has_odd_booleans_ = false;
    std::string* copy_ = nullptr;  ///< where odd booleans are put right; null on the first walk
    std::uint64_t copy_start_ = 0;
};

void check_magic(HeaderReader& reader, std::span<const std::byte> file_start) {
    if (reader.file_size() < 4 || std::memcmp(reader.take(4).data(), "GGUF", 4) != 0) {
        throw Error("not a GGUF file: " + describe_foreign_file(file_start, reader.file_size()));
    }
}

std::uint32_t read_version(HeaderReader& reader) {
    const auto version = reader.number<std::uint32_t>();
    if (version == 2 || version == 3) return version;
    if (version == 1) {
        throw Error(
            "unsupported GGUF version 1, which llama.cpp no longer reads either; convert the "
            "original model again");
    }
    if (version != 0 && (version & 0xFFFFu) == 0) {
        throw Error(
            "unsupported byte order: this is a big-endian GGUF file; convert it with "
            "gguf_convert_endian.py");
    }
    throw Error("unsupported GGUF version " + std::to_string(version) +
                "; versions 2 and 3 are known, convert the original model again");
}

std::uint64_t read_count(HeaderReader& reader, const char* what, std::uint64_t limit,
                         std::uint64_t least_bytes) {
    const auto count = reader.number<std::uint64_t>();
    if (count > limit || count > reader.file_size() / least_bytes) {
        reader.fail("invalid number of " + std::string(what) + ", " + std::to_string(count) +
                    ": more than " +
                    (count > limit
                         ? "the limit of " + std::to_string(limit)
                         : "fit into a file of " + std::to_string(reader.file_size()) + " bytes"));
    }
    return count;
}

void read_metadata(HeaderReader& reader, Document& document, std::uint64_t count) {
    std::unordered_set<std::string_view> seen;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string_view key = reader.string();
        if (key.empty()) reader.fail("key number " + std::to_string(i) + " has an empty name");
        try {
            if (!seen.insert(key).second) reader.fail("duplicate key");
            const auto type = reader.number<std::uint32_t>();
            document.metadata.push_back({std::string(key), ValueWalker(reader).read(type)});
        } catch (const Error& error) {
            throw error.at(key_item(key));
        }
    }
}

void read_alignment(Document& document) {
    const auto found = std::ranges::find(document.metadata, alignment_key, &KeyValue::key);
    if (found == document.metadata.end()) return;
    try {
        document.alignment = alignment_of(found->value);
    } catch (const Error& error) {
        throw error.at(key_item(alignment_key));
    }
    // llama.cpp stops the program on any other integer type; the meaning is the same.
    found->value = Value::of(document.alignment);
}

void read_shape(HeaderReader& reader, TensorInfo& tensor) {
    tensor.dims = reader.number<std::uint32_t>();
    if (tensor.dims > max_dims) {
        reader.fail("invalid number of dimensions, " + std::to_string(tensor.dims) +
                    "; at most 4 are possible");
    }
    std::uint64_t elems = 1;
    for (unsigned i = 0; i < tensor.dims; ++i) {
        tensor.shape[i] = reader.number<std::uint64_t>();
        if (tensor.shape[i] == 0) {
            reader.fail("invalid shape: dimension " + std::to_string(i + 1) + " is 0");
        }
        const auto product = checked_multiply(elems, tensor.shape[i]);
        if (!product || *product > max_tensor_elems) {
            reader.fail("invalid shape: the number of elements exceeds 64 bits");
        }
        elems = *product;
    }
}

void read_type(HeaderReader& reader, TensorInfo& tensor) {
    const auto number = reader.number<std::uint32_t>();
    const TypeInfo* info = find_type(number);
    if (info == nullptr) reader.fail(describe_unknown_type(number), "");
    tensor.type = info->type;
    if (tensor.shape[0] % info->block_elems != 0) {
        reader.fail("invalid shape: rows of " + std::to_string(tensor.shape[0]) +
                    " elements are not a multiple of " + std::string(info->name) + "'s block of " +
                    std::to_string(info->block_elems));
    }
    if (!checked_multiply(tensor.elems() / info->block_elems, info->block_bytes)) {
        reader.fail("invalid shape: the size in bytes exceeds 64 bits");
    }
}

void read_tensors(HeaderReader& reader, Document& document, std::uint64_t count) {
    std::unordered_set<std::string_view> seen;
    for (std::uint64_t i = 0; i < count; ++i) {
        const std::string_view name = reader.string();
        try {
            if (name.size() > max_tensor_name_bytes) {
                reader.fail("the name is too long: " + std::to_string(name.size()) +
                            " bytes, but llama.cpp can only read names of up to " +
                            std::to_string(max_tensor_name_bytes));
            }
            if (!seen.insert(name).second) reader.fail("duplicate tensor name");
            TensorInfo tensor;
            tensor.name = name;
            read_shape(reader, tensor);
            read_type(reader, tensor);
            tensor.offset = reader.number<std::uint64_t>();
            if (tensor.offset % document.alignment != 0) {
                reader.fail("invalid offset " + std::to_string(tensor.offset) +
                            ": not a multiple of the alignment, " +
                            std::to_string(document.alignment));
            }
            document.tensors.push_back(std::move(tensor));
        } catch (const Error& error) {
            throw error.at(tensor_item(name));
        }
    }
}

/// Every tensor's data lies within the file, and no two overlap.
void check_data(const Document& document, std::uint64_t file_size) {
    std::vector<const TensorInfo*> by_offset;
    by_offset.reserve(document.tensors.size());
    for (const TensorInfo& tensor : document.tensors) {
        const auto start = checked_add(document.data_offset, tensor.offset);
        const auto end = start ? checked_add(*start, tensor.bytes()) : std::nullopt;
        if (!end)
            throw Error("invalid offset: it wraps around; the file is damaged, get it anew")
                .at(tensor_item(tensor.name));
        if (*end > file_size) {
            throw Error("the file is truncated: data up to byte " + std::to_string(*end) +
                        " is stated, but the file ends at " + std::to_string(file_size) +
                        "; get a complete copy")
                .at(tensor_item(tensor.name));
        }
        by_offset.push_back(&tensor);
    }
    std::ranges::sort(by_offset, {}, &TensorInfo::offset);
    for (std::size_t i = 1; i < by_offset.size(); ++i) {
        const TensorInfo& before = *by_offset[i - 1];
        if (before.offset + before.bytes() > by_offset[i]->offset) {
            throw Error("invalid offset: its data overlaps that of " + tensor_item(before.name) +
                        "; the file is damaged, get it anew")
                .at(tensor_item(by_offset[i]->name));
        }
    }
}

}  // namespace

std::optional<Document> parse(std::span<const std::byte> file_start, std::uint64_t file_size,
                              std::uint64_t* least_bytes) {
    // More bytes than the file has would let the header run beyond its end.
    if (file_start.size() > file_size) {
        file_start = file_start.first(static_cast<std::size_t>(file_size));
    }
    HeaderReader reader(file_start, file_size);
    Document document;
    try {
        check_magic(reader, file_start);
        document.version = read_version(reader);
        const std::uint64_t tensor_count =
            read_count(reader, "tensors", max_tensors, min_tensor_entry_bytes);
        const std::uint64_t key_count = read_count(reader, "keys", max_keys, min_key_bytes);
        read_metadata(reader, document, key_count);
        read_alignment(document);
        read_tensors(reader, document, tensor_count);
    } catch (const NeedsMore& needs) {
        if (least_bytes != nullptr) *least_bytes = needs.end;
        return std::nullopt;
    }
    // No overflow: the header's length is bounded. Without tensors there need be no padding.
    document.data_offset = *checked_round_up(reader.position(), document.alignment);
    check_data(document, file_size);
    return document;
}

}  // namespace quantize::gguf

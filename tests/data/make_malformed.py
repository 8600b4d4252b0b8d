#!/usr/bin/env python3
"""Writes the small set of sound and damaged GGUF files in tests/data/malformed.

usage: tests/data/make_malformed.py [FOLDER]

A file's name says what to expect: accept-*.gguf are sound, reject-*.gguf have to be refused with a
message that names the file. The files are kept in the repository; run this after changing a case.
"""
import pathlib
import struct
import sys

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
TYPE_F32, TYPE_F16, TYPE_Q5_K = 0, 1, 13


def number(code, value):
    return struct.pack("<" + code, value)


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return number("Q", len(data)) + data


def array(element_type, count, elements):
    return number("I", element_type) + number("Q", count) + elements


class File:
    """A model of one layer; every field can be damaged before bytes() is called."""

    def __init__(self):
        self.magic = b"GGUF"
        self.version = 3
        self.alignment = 32
        self.extra_keys = 0
        self.extra_tensors = 0
        self.tail = b""
        self.keys = [
            ("general.architecture", STRING, string("llama")),
            ("llama.block_count", U32, number("I", 1)),
            ("llama.context_length", U32, number("I", 32)),
            ("llama.embedding_length", U32, number("I", 32)),
            ("llama.attention.head_count", U32, number("I", 2)),
            ("tokenizer.ggml.tokens", ARRAY, array(STRING, 2, string("<s>") + string("a"))),
            ("tokenizer.ggml.scores", ARRAY, array(F32, 2, bytes(8))),
        ]
        self.tensors = []  # name, shape, type, offset
        self.data = b""
        self.add("token_embd.weight", [32, 2], TYPE_F16, 128)
        self.add("output_norm.weight", [32], TYPE_F32, 128)
        self.add("blk.0.attn_q.weight", [32, 32], TYPE_F16, 2048)

    def add(self, name, shape, type_, size, offset=None):
        padded = -(-size // self.alignment) * self.alignment
        self.tensors.append([name, shape, type_, len(self.data) if offset is None else offset])
        half = b"\x00\x3c" if type_ == TYPE_F16 else b"\x00\x00\x80\x3f"
        self.data += (half * size)[:size].ljust(padded, b"\0")

    def set(self, name, type_, payload):
        self.keys = [key for key in self.keys if key[0] != name] + [(name, type_, payload)]

    def align(self, alignment):
        """Lays the file out anew."""
        sizes = [128, 128, 2048]
        old, self.tensors, self.data, self.alignment = self.tensors, [], b"", alignment
        for (name, shape, type_, _), size in zip(old, sizes):
            self.add(name, shape, type_, size)
        self.set("general.alignment", U32, number("I", alignment))

    def header(self):
        out = self.magic + number("I", self.version)
        out += number("Q", len(self.tensors) + self.extra_tensors)
        out += number("Q", len(self.keys) + self.extra_keys)
        for name, type_, payload in self.keys:
            out += string(name) + number("I", type_) + payload
        for name, shape, type_, offset in self.tensors:
            out += string(name) + number("I", len(shape))
            out += b"".join(number("Q", extent) for extent in shape)
            out += number("I", type_) + number("Q", offset)
        return out

    def bytes(self):
        out = self.header()
        return out + bytes(-len(out) % self.alignment) + self.data + self.tail


CASES = {}


def damage(name, change):
    """A case that changes the sound model."""

    def make():
        file = File()
        result = change(file)
        return result if isinstance(result, bytes) else file.bytes()

    CASES[name] = make


def tensor(shape, type_, offset=None, name="odd.weight", size=128):
    return lambda file: file.add(name, shape, type_, size, offset)


def key(name, type_, payload):
    return lambda file: file.keys.append((name, type_, payload))


def field(name, value):
    return lambda file: setattr(file, name, value)


damage("accept-plain", lambda file: None)
damage("accept-version-2", field("version", 2))
damage("accept-tail", field("tail", bytes(100)))
damage("accept-alignment-1", lambda file: file.align(1))
damage("accept-alignment-64", lambda file: file.align(64))
damage("accept-alignment-4096", lambda file: file.align(4096))
damage("accept-nested-arrays", key("odd", ARRAY, array(ARRAY, 1, array(U8, 2, b"ab"))))
damage("accept-nul-in-strings", key("odd\0key", STRING, string(b"a\0b")))
damage("accept-name-of-63", tensor([32], TYPE_F32, name="n" * 63))

damage("reject-empty", lambda file: b"")
damage("reject-magic", field("magic", b"GGXF"))
damage("reject-web-page", lambda file: b"<!DOCTYPE html><html><body>Not found</body></html>")
damage("reject-git-lfs", lambda file: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
damage("reject-version-1", field("version", 1))
damage("reject-version-9", field("version", 9))
damage("reject-big-endian", field("version", 0x03000000))
damage("reject-tensor-count", field("extra_tensors", 1 << 58))
damage("reject-key-count", field("extra_keys", 1 << 61))
damage("reject-cut-in-header", lambda file: file.bytes()[:14])
damage("reject-cut-in-metadata", lambda file: file.bytes()[:100])
damage("reject-cut-in-tensors", lambda file: file.header()[:-20])
damage("reject-cut-in-data", lambda file: file.bytes()[:-1])
damage("reject-string-length", key("odd", STRING, number("Q", 1 << 62)))
damage("reject-array-count", key("odd", ARRAY, array(I64, (1 << 61) + 2, bytes(16))))
damage("reject-array-nesting", key("odd", ARRAY, array(ARRAY, 1, b"") * 20 + array(U8, 0, b"")))
damage("reject-value-type", key("odd", 77, bytes(4)))
damage("reject-element-type", key("odd", ARRAY, array(13, 1, bytes(8))))
damage("reject-duplicate-key", key("llama.block_count", U32, number("I", 1)))
damage("reject-empty-key", key("", U32, number("I", 1)))
damage("reject-alignment-0", key("general.alignment", U32, number("I", 0)))
damage("reject-alignment-24", key("general.alignment", U32, number("I", 24)))
damage("reject-alignment-huge", key("general.alignment", U32, number("I", 1 << 31)))
damage("reject-alignment-text", key("general.alignment", STRING, string("32")))
damage("reject-name-of-64", tensor([32], TYPE_F32, name="n" * 64))
damage("reject-duplicate-tensor", tensor([32], TYPE_F32, name="output_norm.weight"))
damage("reject-7-dimensions", tensor([32, 1, 1, 1, 1, 1, 1], TYPE_F32))
damage("reject-dimension-0", tensor([32, 0], TYPE_F32))
damage("reject-elements-wrap", tensor([1 << 32, 1 << 32], TYPE_F32))
damage("reject-bytes-wrap", tensor([1 << 62], TYPE_F32))
damage("reject-type-removed", tensor([32], 4))
damage("reject-type-unknown", tensor([32], 777))
damage("reject-part-of-block", tensor([200], TYPE_Q5_K, size=176))
damage("reject-offset-odd", tensor([32], TYPE_F32, offset=17))
damage("reject-offset-wraps", tensor([32], TYPE_F32, offset=(1 << 64) - 32))
damage("reject-offset-beyond-end", tensor([32], TYPE_F32, offset=1 << 20))
damage("reject-overlap", tensor([32], TYPE_F32, offset=128))
damage("reject-second-shard", lambda file: [file.keys.append(("split.no", U16, number("H", 1))),
                                            file.keys.append(("split.count", U16, number("H", 2)))])


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
    if len(sys.argv) < 2:
        folder = folder.parent / "malformed"
    folder.mkdir(exist_ok=True)
    for old in folder.glob("*.gguf"):
        old.unlink()
    for name, make in CASES.items():
        (folder / f"{name}.gguf").write_bytes(make())
    print(f"{len(CASES)} files in {folder}")


if __name__ == "__main__":
    main()

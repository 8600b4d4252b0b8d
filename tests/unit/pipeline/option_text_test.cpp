// The text of options: what is taken, what is refused, and that refusals are usage errors.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "quantize/error.h"
#include "quantize/option_text.h"
#include "temporary_folder.h"

using namespace quantize;

namespace {

template <class Call>
void check_refused(Call&& call) {
    try {
        call();
        FAIL("was taken");
    } catch (const Error& error) {
        CHECK(error.kind() == ErrorKind::usage);
    }
}

}  // namespace

TEST_CASE("Integers become u32 of the magnitude's low bits, as the reference writes them") {
    const auto value = [](const char* text) { return parse_metadata_override(text).second; };
    CHECK(value("k=int:7") == gguf::Value::of(std::uint32_t{7}));
    CHECK(value("k=int:-5") == gguf::Value::of(std::uint32_t{5}));
    CHECK(value("k=int:5000000000") == gguf::Value::of(std::uint32_t{705032704}));
    CHECK(value("k=float:1e-3") == gguf::Value::of(1e-3f));
    CHECK(value("k=bool:true") == gguf::Value::of(true));
    CHECK(value("k=str:{{ a = b }}") == gguf::Value::of("{{ a = b }}"));
    CHECK(value("k=str:") == gguf::Value::of(""));
    CHECK(parse_metadata_override("a.b=int:1").first == "a.b");
}

TEST_CASE("Malformed metadata overrides are refused") {
    const std::string text =
        GENERATE("", "=", "=int:1", "key", "key=", "key=5", "key=long:3", "key=int:", "key=int:x",
                 "key=int:99999999999999999999", "key=float:", "key=float:1e999", "key=float:1e39",
                 "key=bool:maybe", "key=bool:True");
    check_refused([&] { parse_metadata_override(text); });
    check_refused([] { parse_metadata_override("k=str:" + std::string(128, 'v')); });
    check_refused([] { parse_metadata_override(std::string(128, 'k') + "=int:1"); });
}

TEST_CASE("Type overrides lower-case the pattern and know types in any case") {
    const TypeOverride parsed = parse_type_override("ATTN_V=q8_0");
    CHECK(parsed.pattern == "attn_v");
    CHECK(parsed.type == TensorType::Q8_0);
    CHECK(parse_type_override("a=IQ4_xs").type == TensorType::IQ4_XS);
    const std::string text = GENERATE("", "=", "attn_v", "attn_v=", "=q8_0", "a=b=q8_0", "a(=q8_0",
                                      "a[=q8_0", "*=q8_0", "a=nosuch");
    check_refused([&] { parse_type_override(text); });
    check_refused([] { parse_type_override(std::string(5000, '(') + "=q8_0"); });
}

TEST_CASE("A file of overrides is read word by word") {
    test::TemporaryFolder folder;
    const auto file = folder.write("types", "attn_v=q8_0\n  ffn_up=q4_0\tx=f16 \n");
    const auto overrides = read_type_override_file(file);
    REQUIRE(overrides.size() == 3);
    CHECK(overrides[1].pattern == "ffn_up");
    check_refused([&] { read_type_override_file(folder / "nosuch"); });
    check_refused([&] { read_type_override_file(folder.path()); });
    check_refused([&] { read_type_override_file(folder.write("bad", "attn_v=q8_0 nonsense")); });
}

TEST_CASE("Layer lists are sorted and without duplicates") {
    CHECK(parse_layer_list("3,3,1") == std::vector<std::uint32_t>{1, 3});
    CHECK(parse_layer_list("0") == std::vector<std::uint32_t>{0});
    for (const char* text : {"", ",", "1,", "1,x", "-1", "1 2", "4294967296"}) {
        check_refused([&] { parse_layer_list(text); });
    }
}

TEST_CASE("Thread counts below one mean all cores") {
    CHECK(parse_thread_count("8") == 8);
    CHECK(parse_thread_count("0") == 0);
    CHECK(parse_thread_count("-3") == 0);
    for (const char* text : {"", "abc", "8x", "99999999999999999999"}) {
        check_refused([&] { parse_thread_count(text); });
    }
}

TEST_CASE("The default output is named as the reference names it") {
    CHECK(default_output("dir/in.gguf", "q4_k_m", false) == "dir/ggml-model-Q4_K_M.gguf");
    CHECK(default_output("in.gguf", "q5_k", false) == "ggml-model-Q5_K.gguf");
    CHECK(default_output("in.gguf", "15", false) == "ggml-model-Q4_K.gguf");
    CHECK(default_output("a/in-00001-of-00002.gguf", "Q4_0", true) == "a/ggml-model-Q4_0");
}

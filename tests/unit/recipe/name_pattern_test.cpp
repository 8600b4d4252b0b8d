// Patterns of --tensor-type: what they match, and that none can hold the program up.
#include "recipe/name_pattern.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <chrono>

#include "quantize/error.h"

using Catch::Matchers::ContainsSubstring;
using quantize::Error;
using quantize::NamePattern;

TEST_CASE("A pattern is found anywhere in a name") {
    CHECK(NamePattern("attn_(v|k)").is_found_in("blk.0.attn_v.weight"));
    CHECK(NamePattern("^blk\\.[0-9]+\\.").is_found_in("blk.17.ffn_up.weight"));
    CHECK(NamePattern("(.)\\1").is_found_in("attn"));
    CHECK(NamePattern("weight$").is_found_in("output.weight"));
    CHECK_FALSE(NamePattern("^attn").is_found_in("blk.0.attn_v.weight"));
    CHECK_FALSE(NamePattern("ffn_\\bup").is_found_in("blk.0.ffn_up.weight"));
    CHECK(NamePattern("").is_found_in(""));
}

TEST_CASE("What is no pattern is refused as wrong usage") {
    for (const std::string& text :
         {std::string("("), std::string("["), std::string("*a"), std::string("a{2,1}"),
          std::string(1001, 'a'), std::string("a{9999}{9999}"),
          // Numbers beyond a long, which std::regex adds up unchecked.
          std::string("a{1,31111111111111111111}"), std::string("a{31111111111111111111}"),
          std::string("(a)\\31111111111111111111")}) {
        INFO(text.substr(0, 20));
        try {
            const NamePattern pattern(text);
            FAIL("was accepted");
        } catch (const Error& error) {
            CHECK(error.kind() == quantize::ErrorKind::usage);
        }
    }
}

TEST_CASE("No pattern takes more stack than there is") {
    const std::string name(127, 'y');
    for (const char* text :
         {"(a*){1300}x", "(a*){30000}x", "a*{3900}x", "((a*){1200}.)*x", "(|){700}x",
          "(?:(?:|){1200}.)*x", "(?:(?:\\b|){900}.)*x", "((((a*){9}){9}){9}.)*x"}) {
        INFO(text);
        try {
            const bool found = NamePattern(text).is_found_in(name);
            CHECK_FALSE(found);
        } catch (const Error& error) {
            CHECK(error.kind() == quantize::ErrorKind::usage);
        }
    }
    CHECK(NamePattern("([a-z]{1,8}){1,16}").is_found_in(name));
}

TEST_CASE("A pattern with more ways to match than can be tried ends with an error, soon") {
    const std::string name = "blk.0.attn_output.weight.blk.0.attn_output.weight.blk.0.x";
    for (const char* text : {"(.*)*\\1!", "(a*)*!", "(.+)+$^", "((((((.+)+)+)+)+)+)+!",
                             "(.|.|.|.|.|.)*(.|.|.|.|.)*z!"}) {
        INFO(text);
        const NamePattern pattern(text);
        const auto start = std::chrono::steady_clock::now();
        try {
            // Some of them a library may well be able to answer.
            const bool found = pattern.is_found_in(name);
            CHECK_FALSE(found);
        } catch (const Error& error) {
            CHECK_THAT(error.what(), ContainsSubstring("too hard to match"));
        }
        CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(10));
    }
}

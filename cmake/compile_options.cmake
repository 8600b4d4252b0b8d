# Flags that every target of the project is compiled with.
add_library(quantize_options INTERFACE)

# The bytes of a file depend on each product and sum being rounded on its own: no contraction to
# fused multiply-add, and nothing that reorders arithmetic.
target_compile_options(quantize_options INTERFACE -ffp-contract=off -fno-fast-math)
target_compile_options(quantize_options INTERFACE -Wall -Wextra -Wpedantic)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # GCC 12 sees overlaps where std::string is inlined (its bug 105651).
    target_compile_options(quantize_options INTERFACE -Wno-restrict)
endif()
if(QUANTIZE_WARNINGS_AS_ERRORS)
    target_compile_options(quantize_options INTERFACE -Werror)
endif()

if(QUANTIZE_SANITIZE)
    target_compile_options(quantize_options INTERFACE
        -fsanitize=${QUANTIZE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(quantize_options INTERFACE -fsanitize=${QUANTIZE_SANITIZE})
endif()

if(QUANTIZE_BUILD_FUZZERS)
    # Coverage of every room is what guides the fuzzer; only the fuzz programs link its main().
    target_compile_options(quantize_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

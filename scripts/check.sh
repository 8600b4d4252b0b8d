#!/usr/bin/env bash
# One check that is not a test of the release build; ctest runs each as a test labelled "check".
#
#   scripts/check.sh format    the sources are as clang-format would write them
#   scripts/check.sh tidy      clang-tidy finds nothing (.clang-tidy says what it looks for)
#   scripts/check.sh asan      clang's warnings, the tests under ASan and UBSan, a short fuzzing
#   scripts/check.sh tsan      what uses threads: pipeline, files, the command line, under TSan
#
# A check that lacks its tool says "skipped:" and succeeds; ctest shows it as skipped.
source "$(dirname "$0")/common.sh"

need() {
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 0; }
    done
}

sources() {
    find src include tests -name '*.cpp' -o -name '*.h' | sort
}

check_format() {
    need clang-format-14
    sources | xargs clang-format-14 --dry-run -Werror
}

# build PRESET [TARGET...]
build() {
    local preset=$1
    shift
    step "building build/$preset"
    quietly "build/$preset/configure.log" cmake --preset "$preset"
    quietly "build/$preset/build.log" cmake --build --preset "$preset" --parallel "$jobs" \
        ${1:+--target "$@"}
}

run_tests() {
    local preset=$1
    shift
    step "testing build/$preset"
    ctest --test-dir "build/$preset" --parallel "$jobs" --output-on-failure --no-tests=error \
        --label-exclude check "$@"
}

check_tidy() {
    need clang-tidy-14 clang++
    [ -f build/fuzz/compile_commands.json ] || quietly build/fuzz/configure.log cmake --preset fuzz
    # Kernels are looked at once, as plain C++, not once for each instruction set.
    find src -name '*.cpp' | sort |
        xargs -P "$jobs" -n 1 clang-tidy-14 --quiet -p build/fuzz \
            --extra-arg=-UHWY_COMPILE_ALL_ATTAINABLE --extra-arg=-DHWY_COMPILE_ONLY_EMU128 \
            --extra-arg=-fno-sanitize=all 2>/dev/null
}

check_asan() {
    need clang++
    build fuzz
    run_tests fuzz
    # The same inputs for the same commit: what a change breaks shows, what chance finds does not
    # hold up somebody else's change. Chance has its turn in longer runs, by hand.
    scripts/fuzz.sh --seconds "${FUZZ_SECONDS:-10}" --seed 1
}

check_tsan() {
    need clang++
    build tsan unit_pipeline unit_io cli
    run_tests tsan --tests-regex '^(unit_pipeline|unit_io|cli): '
}

case "${1:-}" in
    format | tidy | asan | tsan) "check_$1" ;;
    *)
        sed -n 's/^#   //p' "$0" >&2
        exit 2
        ;;
esac

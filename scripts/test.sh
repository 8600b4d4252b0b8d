#!/usr/bin/env bash
# Runs all tests: those of the release build, and the checks that need builds of their own
# (sanitizers, fuzzing) or only read the sources (format). One ctest run holds them
# all, so its summary, the last lines, is the whole truth.
#
#   scripts/test.sh            everything
#   scripts/test.sh --quick    the release build's tests only
source "$(dirname "$0")/common.sh"

selection=()
case "${1:-}" in
    "") ;;
    --quick) selection=(--label-exclude check) ;;
    *)
        echo "usage: scripts/test.sh [--quick]" >&2
        exit 2
        ;;
esac

# Warnings are errors where the compilers are the ones that the project is kept clean with.
strict=OFF
[ "${CI:-}" != true ] || strict=ON

scripts/install-dependencies.sh
step "configuring (log: build/release/configure.log)"
quietly build/release/configure.log cmake --preset release -DQUANTIZE_WARNINGS_AS_ERRORS=$strict
step "building (log: build/release/build.log)"
quietly build/release/build.log cmake --build --preset release --parallel "$jobs"
step "testing"
ctest --test-dir build/release --parallel "$jobs" --output-on-failure --no-tests=error "${selection[@]}"

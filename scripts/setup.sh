#!/usr/bin/env bash
# From a fresh machine to a first result: installs what is needed, builds the release, and
# quantizes the sample model to Q5_K_M.
source "$(dirname "$0")/common.sh"

scripts/install-dependencies.sh
step "building (log: build/release/build.log)"
quietly build/release/configure.log cmake --preset release
quietly build/release/build.log cmake --build --preset release --parallel "$jobs" --target quantize_tool
step "quantizing the sample model"
build/release/quantize tests/data/sample-f16.gguf build/sample-Q5_K_M.gguf Q5_K_M
step "done: build/sample-Q5_K_M.gguf; the program is build/release/quantize"

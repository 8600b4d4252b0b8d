#!/usr/bin/env bash
# Builds for 64-bit Arm with Debian's cross compiler and runs the kernels' tests under qemu-user:
# NEON, and SVE with vectors of 128, 256 and 512 bits. Needs root or sudo once, for the compiler
# and the emulator; the arm64 libraries are unpacked into build/aarch64-sysroot and leave the
# system alone.
#
#   scripts/test-aarch64.sh [TEST PROGRAM]...    (default: unit_base unit_kernels unit_formats identity)
source "$(dirname "$0")/common.sh"
source scripts/apt.sh
programs=("$@")
[ $# -gt 0 ] || programs=(unit_base unit_kernels unit_formats identity)
sysroot=$root/build/aarch64-sysroot

if ! command -v qemu-aarch64 >/dev/null || ! command -v aarch64-linux-gnu-g++ >/dev/null; then
    step "installing the cross compiler and the emulator"
    quietly build/aarch64-install.log as_root apt-get install -y --no-install-recommends \
        g++-aarch64-linux-gnu qemu-user
fi

# The libraries are downloaded with an apt state of their own, so that the system need not know
# the architecture.
if [ ! -f "$sysroot/complete" ]; then
    step "unpacking arm64 libraries into build/aarch64-sysroot"
    mkdir -p "$sysroot"/apt/{lists,archives}/partial "$sysroot/apt/sources"
    find /etc/apt/sources.list.d -name '*.list' -o -name '*.sources' |
        xargs -r cp -t "$sysroot/apt/sources"
    if is_bookworm; then
        entry=$(backports_entry bookworm)
        form=sources
        case $entry in deb\ *) form=list ;; esac
        echo "$entry" >"$sysroot/apt/sources/quantize-backports.$form"
    fi
    apt_arm64=(apt-get -o APT::Architecture=arm64 -o APT::Architectures=arm64
        -o Dir::State="$sysroot/apt" -o Dir::State::Lists="$sysroot/apt/lists"
        -o Dir::State::status=/dev/null -o Dir::Cache="$sysroot/apt"
        -o Dir::Etc::sourceparts="$sysroot/apt/sources" -o APT::Sandbox::User="$(id -un)")
    quietly "$sysroot/update.log" "${apt_arm64[@]}" update
    catch2=catch2
    is_bookworm && catch2=libcatch2-dev
    cd "$sysroot/apt"
    quietly "$sysroot/download.log" "${apt_arm64[@]}" download $catch2 libhwy1 libhwy-dev libfmt9 \
        libfmt-dev libspdlog1.10 libspdlog-dev libtbb12 libtbbmalloc2 libtbbbind-2-5 libtbb-dev \
        libcli11-dev nlohmann-json3-dev
    cd "$root"
    for package in "$sysroot"/apt/*.deb; do dpkg -x "$package" "$sysroot"; done
    touch "$sysroot/complete"
fi

step "building (log: build/aarch64/build.log)"
quietly build/aarch64/configure.log cmake --preset aarch64
quietly build/aarch64/build.log cmake --build --preset aarch64 --parallel "$jobs" --target "${programs[@]}"

# The linker and qemu look for the libraries where the target would have them.
export QEMU_LD_PREFIX=/usr/aarch64-linux-gnu
export QEMU_SET_ENV=LD_LIBRARY_PATH=$sysroot/usr/lib/aarch64-linux-gnu:$sysroot/lib/aarch64-linux-gnu
status=0
for bits in 0 128 256 512; do
    cpu=max,sve=off label=NEON
    [ "$bits" = 0 ] || cpu=max,sve-max-vq=$((bits / 128)) label="SVE, $bits bits"
    for program in "${programs[@]}"; do
        step "$program ($label)"
        QEMU_CPU=$cpu qemu-aarch64 "$(find build/aarch64 -name "$program" -type f)" || status=1
    done
done
exit $status

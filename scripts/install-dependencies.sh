#!/usr/bin/env bash
# Installs what building and testing need from the system's package manager: Debian 12 or newer,
# Ubuntu 24.04 or newer. What is there already is left alone, and when nothing is missing neither
# root nor a network is needed. On other systems it names the libraries; CMake fetches what the
# system lacks.
source "$(dirname "$0")/common.sh"
source scripts/apt.sh

packages=(cmake ninja-build g++ clang ccache pkg-config git python3 python3-numpy file dpkg-dev
    libhwy-dev libtbb-dev nlohmann-json3-dev libbenchmark-dev libfmt-dev libspdlog-dev libcli11-dev
    catch2)

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    step "no apt-get here; please install: a C++20 compiler, cmake 3.22, ninja, pkg-config, git," \
        "python3, and if you can: highway, oneTBB, fmt, spdlog, CLI11, nlohmann-json, Catch2 3"
    exit 0
fi

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

has_catch2_3() {
    is_installed catch2 && dpkg --compare-versions "$(dpkg-query -W -f '${Version}' catch2)" ge 3
}

# Things whose package name carries a version: clang's run-time library (sanitizers, libFuzzer)
# goes with the default clang; clang-format and clang-tidy are wanted in the version that the
# project is formatted with, where the system has it.
versioned_packages() {
    local clang_major
    clang_major=$(apt-cache depends clang 2>/dev/null |
        sed -n 's/.*Depends: clang-\([0-9][0-9]*\)$/\1/p' || true)
    [ -z "$clang_major" ] || echo "libclang-rt-$clang_major-dev"
    local tool
    for tool in clang-format clang-tidy; do
        if apt-cache show "$tool-14" >/dev/null 2>&1; then echo "$tool-14"; else echo "$tool"; fi
    done
}

missing_packages() {
    local name
    for name in "${packages[@]}" $(versioned_packages); do
        is_installed "$name" || echo "$name"
    done
    if is_installed catch2 && ! has_catch2_3; then echo catch2; fi
}

configure_backports() {
    local suite=$1 name=quantize-backports form
    # Somebody else's entry for the backports will do, and a second one would only cause warnings.
    if grep -rsl --include='*.list' --include='*.sources' "^[^#]*$suite-backports" \
        /etc/apt/sources.list /etc/apt/sources.list.d | grep -qv "/$name\.\(list\|sources\)$"; then
        return
    fi
    local entry
    entry=$(backports_entry "$suite") || {
        echo "no entry for $suite among apt's sources to derive the backports from" >&2
        return 1
    }
    case $entry in deb\ *) form=list ;; *) form=sources ;; esac
    local target=/etc/apt/sources.list.d/$name.$form
    if [ "$(cat "$target" 2>/dev/null)" != "$entry" ]; then
        step "adding $suite-backports to apt's sources ($target), for Catch2 3"
        printf '%s\n' "$entry" | as_root tee "$target" >/dev/null
    fi
}

missing=$(missing_packages)
if [ -z "$missing" ]; then
    step "every package that is needed is installed"
    exit 0
fi
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "missing packages, and neither root nor sudo to install them; an administrator can:" >&2
    echo "    apt-get install" $missing >&2
    exit 1
fi

log=$root/build/install-dependencies.log
catch2=catch2
if is_bookworm; then
    configure_backports bookworm
    catch2=catch2/bookworm-backports
fi
step "updating the package lists"
quietly "$log" as_root apt-get update
missing=$(missing_packages | sed "s|^catch2$|$catch2|" | tr '\n' ' ')
step "installing: $missing"
# shellcheck disable=SC2086
quietly "$log" as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y --no-install-recommends $missing

# Cross-compiling for 64-bit Arm with Debian's compiler and its arm64 libraries (multiarch), and
# running the result under qemu-user. scripts/test-aarch64.sh installs what this needs.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# QEMU_CPU chooses the vector length when the tests run; "max" has SVE and SVE2.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64)

set(PKG_CONFIG_EXECUTABLE /usr/bin/pkg-config CACHE FILEPATH "")
set(ENV{PKG_CONFIG_LIBDIR} /usr/lib/aarch64-linux-gnu/pkgconfig:/usr/share/pkgconfig)

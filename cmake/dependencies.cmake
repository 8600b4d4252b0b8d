# Finds every library that the project uses; one that the system lacks is fetched at a pinned tag.
include(FetchContent)
set(FETCHCONTENT_QUIET OFF)
find_package(Threads REQUIRED)

# Sets an option of a library that may be built here. In the cache, because a plain variable is
# lost on libraries that ask for the policies of old versions of CMake.
macro(quantize_library_option name value)
    set(${name} ${value} CACHE BOOL "Set by quantize for the library that it fetches")
endmacro()

function(quantize_dependency name target repository tag)
    if(TARGET ${target})
        return()
    endif()
    FetchContent_Declare(${name} GIT_REPOSITORY ${repository} GIT_TAG ${tag} GIT_SHALLOW ON)
    FetchContent_MakeAvailable(${name})
    string(REGEX REPLACE ".*::" "" plain_target ${target})
    if(NOT TARGET ${target})
        add_library(${target} ALIAS ${plain_target})
    endif()
    # Our warnings are for our code: a fetched library's headers count as the system's.
    get_target_property(actual ${target} ALIASED_TARGET)
    if(actual)
        get_target_property(headers ${actual} INTERFACE_INCLUDE_DIRECTORIES)
        if(headers)
            set_target_properties(${actual} PROPERTIES
                INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${headers}")
        endif()
    endif()
endfunction()

find_package(fmt 9 QUIET)
quantize_dependency(fmt fmt::fmt https://github.com/fmtlib/fmt 9.1.0)

quantize_library_option(SPDLOG_FMT_EXTERNAL ON)
find_package(spdlog 1.10 QUIET)
quantize_dependency(spdlog spdlog::spdlog https://github.com/gabime/spdlog v1.10.0)

find_package(CLI11 2.1 QUIET)
quantize_dependency(CLI11 CLI11::CLI11 https://github.com/CLIUtils/CLI11 v2.3.2)

find_package(nlohmann_json 3.10 QUIET)
quantize_dependency(nlohmann_json nlohmann_json::nlohmann_json
                    https://github.com/nlohmann/json v3.11.2)

quantize_library_option(TBB_TEST OFF)
find_package(TBB 2021 QUIET)
quantize_dependency(TBB TBB::tbb https://github.com/oneapi-src/oneTBB v2021.8.0)

quantize_library_option(HWY_ENABLE_TESTS OFF)
quantize_library_option(HWY_ENABLE_EXAMPLES OFF)
quantize_library_option(HWY_ENABLE_CONTRIB OFF)
find_package(hwy QUIET CONFIG)
if(NOT TARGET hwy::hwy)
    # Debian's package has a pkg-config file only.
    find_package(PkgConfig QUIET)
endif()
if(NOT TARGET hwy::hwy AND PkgConfig_FOUND)
    pkg_check_modules(hwy QUIET IMPORTED_TARGET libhwy>=1.0.3)
endif()
if(TARGET PkgConfig::hwy)
    add_library(hwy::hwy ALIAS PkgConfig::hwy)
endif()
quantize_dependency(highway hwy::hwy https://github.com/google/highway 1.0.7)

if(QUANTIZE_BUILD_TESTS)
    find_package(Catch2 3 QUIET)
    quantize_dependency(Catch2 Catch2::Catch2WithMain https://github.com/catchorg/Catch2 v3.4.0)
    if(NOT Catch2_FOUND)
        # The module Catch, which find_package brings along otherwise.
        FetchContent_GetProperties(Catch2 SOURCE_DIR catch2_folder)
        list(APPEND CMAKE_MODULE_PATH "${catch2_folder}/extras")
    endif()
endif()

if(QUANTIZE_BUILD_BENCHMARKS)
    quantize_library_option(BENCHMARK_ENABLE_TESTING OFF)
    find_package(benchmark 1.7 QUIET)
    quantize_dependency(benchmark benchmark::benchmark https://github.com/google/benchmark v1.7.1)
endif()

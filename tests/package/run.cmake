# Installs the build, builds the consumer against the installation, and compares the file that it
# writes with the one that the installed tool writes.
cmake_minimum_required(VERSION 3.22)

function(run)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE status)
    if(NOT status EQUAL 0)
        message(FATAL_ERROR "failed (${status}): ${ARGN}")
    endif()
endfunction()

file(REMOVE_RECURSE "${WORK}/prefix" "${WORK}/consumer")
run("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/prefix")
run("${CMAKE_COMMAND}" -S "${SOURCE}" -B "${WORK}/consumer" -G Ninja
    "-DCMAKE_PREFIX_PATH=${WORK}/prefix" "-DCMAKE_CXX_COMPILER=${COMPILER}")
run("${CMAKE_COMMAND}" --build "${WORK}/consumer")
foreach(installed bin/quantize share/man/man1/quantize.1 share/fish/vendor_completions.d/quantize.fish
        share/bash-completion/completions/quantize share/zsh/vendor-completions/_quantize)
    if(NOT EXISTS "${WORK}/prefix/${installed}")
        message(FATAL_ERROR "not installed: ${installed}")
    endif()
endforeach()

run("${WORK}/consumer/consumer" "${SAMPLE}" "${WORK}/library.gguf")
run("${WORK}/prefix/bin/quantize" -q "${SAMPLE}" "${WORK}/tool.gguf" Q5_K_M)
run("${CMAKE_COMMAND}" -E compare_files "${WORK}/library.gguf" "${WORK}/tool.gguf")

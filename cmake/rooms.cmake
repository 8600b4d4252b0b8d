# A room is one folder below src/: a library of its own that sees only the rooms it declares.
#
#   quantize_room(formats USES base kernels LINKS hwy::hwy)
#
# Sources name headers as "room/header.h". Each room's include path is a folder that holds nothing
# but a link to that room, so including a room that is not declared does not compile.
set(QUANTIZE_ROOMS "" CACHE INTERNAL "")

function(quantize_room name)
    cmake_parse_arguments(ROOM "" "" "USES;LINKS" ${ARGN})
    set(folder "${CMAKE_CURRENT_SOURCE_DIR}/${name}")
    set(view "${PROJECT_BINARY_DIR}/rooms/${name}")
    file(MAKE_DIRECTORY "${view}")
    file(CREATE_LINK "${folder}" "${view}/${name}" SYMBOLIC)

    file(GLOB sources CONFIGURE_DEPENDS "${folder}/*.cpp")
    add_library(quantize_${name} STATIC ${sources})
    set_target_properties(quantize_${name} PROPERTIES LINKER_LANGUAGE CXX)
    target_include_directories(quantize_${name} PUBLIC "${PROJECT_SOURCE_DIR}/include" "${view}")
    target_link_libraries(quantize_${name} PRIVATE quantize_options PUBLIC ${ROOM_LINKS})
    foreach(used IN LISTS ROOM_USES)
        target_link_libraries(quantize_${name} PUBLIC quantize_${used})
    endforeach()
    set(rooms ${QUANTIZE_ROOMS} ${name})
    set(QUANTIZE_ROOMS "${rooms}" CACHE INTERNAL "")
endfunction()

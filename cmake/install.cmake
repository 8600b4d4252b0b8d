# What `cmake --install` puts where, the package config behind find_package(quantize), and the
# Debian packages that `cpack -G DEB` makes.
#
# Component "runtime" is the tool with its manual page and completions; "dev" is the library.
include(CMakePackageConfigHelpers)

install(TARGETS quantize_tool RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT runtime)
install(FILES docs/quantize.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT runtime)
install(FILES completions/quantize.bash RENAME quantize
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT runtime)
install(FILES completions/_quantize
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT runtime)
install(FILES completions/quantize.fish
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT runtime)
install(FILES LICENSE RENAME copyright
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/quantize COMPONENT runtime)

install(TARGETS quantize EXPORT quantize_targets
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
install(DIRECTORY include/quantize DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
set(config_folder ${CMAKE_INSTALL_LIBDIR}/cmake/quantize)
install(EXPORT quantize_targets NAMESPACE quantize:: FILE quantize-targets.cmake
    DESTINATION ${config_folder} COMPONENT dev)
configure_package_config_file(cmake/quantize-config.cmake.in
    "${PROJECT_BINARY_DIR}/generated/quantize-config.cmake" INSTALL_DESTINATION ${config_folder})
# Below 1.0 a minor version may change the interface.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/generated/quantize-config-version.cmake"
    COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH pkgconfig_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /)
configure_file(cmake/quantize.pc.in "${PROJECT_BINARY_DIR}/generated/quantize.pc" @ONLY)
install(FILES
    "${PROJECT_BINARY_DIR}/generated/quantize-config.cmake"
    "${PROJECT_BINARY_DIR}/generated/quantize-config-version.cmake"
    DESTINATION ${config_folder} COMPONENT dev)
install(FILES "${PROJECT_BINARY_DIR}/generated/quantize.pc"
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

if(NOT PROJECT_IS_TOP_LEVEL)
    return()
endif()

set(CPACK_PACKAGE_NAME quantize)
set(CPACK_PACKAGE_VENDOR "The quantize authors")
set(CPACK_PACKAGE_CONTACT "The quantize authors <quantize@localhost>")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE "${PROJECT_SOURCE_DIR}/LICENSE")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR TGZ)
set(CPACK_COMPONENTS_ALL runtime dev)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME quantize)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION science)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEV_PACKAGE_NAME libquantize-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libhwy-dev, libtbb-dev, pkg-config")
include(CPack)

# SPDX-License-Identifier: MIT
# cmake --install: the headers for find_package(pagewright) and pkg-config, and the tool when it was built.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir   "${CMAKE_INSTALL_DATADIR}/cmake/pagewright")
set(pkgconfig_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/pagewright" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        COMPONENT headers FILES_MATCHING PATTERN "*.hpp")
install(TARGETS pagewright EXPORT pagewright INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
install(EXPORT pagewright NAMESPACE pagewright:: FILE pagewrightConfig.cmake DESTINATION "${package_dir}" COMPONENT headers)

write_basic_package_version_file("${PROJECT_BINARY_DIR}/pagewrightConfigVersion.cmake"
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES "${PROJECT_BINARY_DIR}/pagewrightConfigVersion.cmake" DESTINATION "${package_dir}" COMPONENT headers)

# The .pc file finds its prefix from where it lies, so the installed tree can be moved.
file(RELATIVE_PATH to_prefix "/${pkgconfig_dir}" "/")
configure_file("${PROJECT_SOURCE_DIR}/cmake/pagewright.pc.in" "${PROJECT_BINARY_DIR}/pagewright.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/pagewright.pc" DESTINATION "${pkgconfig_dir}" COMPONENT headers)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/licenses/pagewright" COMPONENT headers)

if(TARGET pagewright_tool)
  install(TARGETS pagewright_tool RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT tool)
endif()

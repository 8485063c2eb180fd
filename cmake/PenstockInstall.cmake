# What `cmake --install` puts in place: the program, the public headers, the libraries, and what find_package needs.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# penstock::penstock is all a program of one's own links, within this build and from an installation.
add_library(penstock_public INTERFACE)
target_link_libraries(penstock_public INTERFACE penstock_cli)
target_compile_features(penstock_public INTERFACE cxx_std_20)  # of the headers: a project need not say so
set_target_properties(penstock_public PROPERTIES EXPORT_NAME penstock)
add_library(penstock::penstock ALIAS penstock_public)

set(libraries value core protocol language exec store workers run mpi report cli public)
list(TRANSFORM libraries PREPEND penstock_)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/penstock)

install(TARGETS penstock RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS ${libraries} EXPORT penstockTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY include/penstock DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT penstockTargets NAMESPACE penstock:: DESTINATION ${package})

configure_package_config_file(cmake/penstockConfig.cmake.in ${PROJECT_BINARY_DIR}/penstockConfig.cmake
  INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/penstockConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/penstockConfig.cmake ${PROJECT_BINARY_DIR}/penstockConfigVersion.cmake
  DESTINATION ${package})
install(FILES docs/pipeline.schema.json DESTINATION ${CMAKE_INSTALL_DATADIR}/penstock OPTIONAL)

# cpack: a Debian package for each component that is installed.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME bitjoule)
set(CPACK_PACKAGE_VENDOR "bitjoule")
set(CPACK_PACKAGE_CONTACT "The bitjoule project <bitjoule@bitjoule.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_RESOURCE_FILE_LICENSE ${PROJECT_SOURCE_DIR}/LICENSE)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_VERBATIM_VARIABLES ON)
set(CPACK_THREADS 0)

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(CPACK_DEBIAN_PROGRAM_PACKAGE_NAME bitjoule)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PROGRAM_PACKAGE_SHLIBDEPS ON)
set(CPACK_COMPONENT_PROGRAM_DESCRIPTION "Cycles, bytes, joules and error of a layer or a network.")

# Its archives hold calls of one version of fmt; who links them, links that one.
string(REGEX MATCH "^[0-9]+" fmt_major "${fmt_VERSION}")
math(EXPR fmt_next "${fmt_major} + 1")
set(CPACK_DEBIAN_DEVEL_PACKAGE_NAME libbitjoule-dev)
set(CPACK_DEBIAN_DEVEL_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVEL_PACKAGE_DEPENDS
  "libfmt-dev (>= ${fmt_major}), libfmt-dev (<< ${fmt_next}), libsystemc-dev (>= ${SYSTEMC_VERSION})")
set(CPACK_DEBIAN_DEVEL_PACKAGE_SUGGESTS "cmake, pkg-config")
set(CPACK_COMPONENT_DEVEL_DESCRIPTION "Headers and libraries to build the simulator into a program.")

set(CPACK_COMPONENTS_ALL program devel)
include(CPack)

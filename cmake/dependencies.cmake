# Debian 12 packages only; every one is named with its reason in README.md.
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMC REQUIRED IMPORTED_TARGET systemc)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Protobuf REQUIRED) # what ONNX models are stored in
find_package(ONNX REQUIRED)     # the classes of their messages
if(BITJOULE_MPI)
  find_package(MPI REQUIRED COMPONENTS CXX)
  find_package(Boost 1.81 REQUIRED COMPONENTS json mpi)
endif()
if(BITJOULE_PYTHON)
  find_package(pybind11 2.10 CONFIG REQUIRED)
endif()
if(BITJOULE_TESTS)
  find_package(doctest REQUIRED)
endif()

# Debian 12 packages only; every one is named with its reason in README.md.
find_package(PkgConfig REQUIRED)
pkg_check_modules(SYSTEMC REQUIRED IMPORTED_TARGET systemc)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(fmt REQUIRED)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
find_package(CLI11 REQUIRED)
if(BITJOULE_ONNX)
  find_package(Protobuf REQUIRED) # what ONNX models are stored in
  find_package(ONNX REQUIRED)     # the classes of their messages
  if(NOT TARGET onnx_proto)       # as ONNX 1.17 and later name it
    add_library(onnx_proto ALIAS ONNX::onnx_proto)
  endif()
endif()
if(BITJOULE_TFLITE)
  # Headers alone: the verifier of what TensorFlow Lite models are stored in.
  find_path(FLATBUFFERS_INCLUDE flatbuffers/verifier.h REQUIRED)
endif()
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

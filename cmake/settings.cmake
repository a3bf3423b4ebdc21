# Language level, warnings and floating-point rules that hold for every target.
set(CMAKE_CXX_STANDARD 17) # Debian's SystemC 2.3.4 exports a C++17 ABI
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

add_library(bitjoule_settings INTERFACE)
target_compile_options(bitjoule_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
  # One rounding per floating-point operation: a contracted a*b+c would change output bits.
  -ffp-contract=off)
# No object knows where it was built: file names in it are those in the project.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.)
if(BITJOULE_WERROR)
  target_compile_options(bitjoule_settings INTERFACE -Werror)
endif()
if(BITJOULE_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
  add_link_options(-fsanitize=address,undefined)
endif()

# Every DRAM burst passes through core and hw some thirty calls deep: link-time optimization takes a
# tenth off a simulation. The objects are fat: everything else links without it, and quickly.
set(bitjoule_lto $<AND:$<CONFIG:Release>,$<CXX_COMPILER_ID:GNU>>)
add_library(bitjoule_lto_objects INTERFACE)
target_compile_options(bitjoule_lto_objects INTERFACE
  "$<${bitjoule_lto}:-flto=auto;-ffat-lto-objects>")
add_library(bitjoule_lto_program INTERFACE)
add_link_options("$<${bitjoule_lto}:-fno-lto>")
target_link_options(bitjoule_lto_program INTERFACE "$<${bitjoule_lto}:-flto=auto>")

# The libraries bitjoule::core, bitjoule::hw and bitjoule::run: also for shared objects.
function(bitjoule_library name)
  add_library(bitjoule_${name} STATIC ${ARGN})
  add_library(bitjoule::${name} ALIAS bitjoule_${name})
  set_target_properties(bitjoule_${name} PROPERTIES
    EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_link_libraries(bitjoule_${name} PRIVATE
    $<BUILD_INTERFACE:bitjoule_settings> $<BUILD_INTERFACE:bitjoule_lto_objects>)
  target_compile_features(bitjoule_${name} PUBLIC cxx_std_17)
endfunction()

# What `cmake --install` and cpack put where. Components: program, mpi (its module), devel (headers,
# libraries), and python where the binding is built. Nothing installed knows where it was built or is installed.
foreach(kind BINDIR LIBDIR INCLUDEDIR DATADIR)
  if(IS_ABSOLUTE "${CMAKE_INSTALL_${kind}}")
    message(FATAL_ERROR "CMAKE_INSTALL_${kind}: expected a path relative to the prefix, "
                        "got \"${CMAKE_INSTALL_${kind}}\": an installation can be moved")
  endif()
endforeach()
set(data_dir ${CMAKE_INSTALL_DATADIR}/bitjoule)

# The program, by both of its names, with what it is made of at run time.
install(TARGETS sim RUNTIME COMPONENT program)
install(FILES ${PROJECT_BINARY_DIR}/sim/bitjoule TYPE BIN COMPONENT program)
foreach(module simulation onnx tflite mpi)
  if(TARGET module_${module})
    set(component program)
    if(module STREQUAL mpi) # which depends on much that few use
      set(component mpi)
    endif()
    install(TARGETS module_${module}
      LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/bitjoule COMPONENT ${component})
  endif()
endforeach()
install(DIRECTORY configs DESTINATION ${data_dir} COMPONENT program)
install(FILES sim/report/web/report.css sim/report/web/report.js DESTINATION ${data_dir}/report
  COMPONENT program)
install(FILES ${PROJECT_BINARY_DIR}/${data_dir}/report/charts.js
              ${PROJECT_BINARY_DIR}/${data_dir}/report/charts.licence
  DESTINATION ${data_dir}/report COMPONENT program OPTIONAL)

# What the program writes about itself.
set(written ${PROJECT_BINARY_DIR}/written)
add_custom_command(OUTPUT ${written}/stamp
  COMMAND ${CMAKE_COMMAND} -DPROGRAM=$<TARGET_FILE:sim> -DDIRECTORY=${written}
          -P ${PROJECT_SOURCE_DIR}/cmake/written_files.cmake
  DEPENDS sim ${PROJECT_SOURCE_DIR}/cmake/written_files.cmake
  COMMENT "Manual page, completion and schemas, written by the program" VERBATIM)
add_custom_target(written_files ALL DEPENDS ${written}/stamp)
# All that is installed and packaged, without the tests.
add_custom_target(installed DEPENDS sim bitjoule_core bitjoule_hw bitjoule_run written_files)
foreach(target module_simulation module_onnx module_tflite module_mpi bitjoule_python)
  if(TARGET ${target})
    add_dependencies(installed ${target})
  endif()
endforeach()
install(DIRECTORY ${written}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} COMPONENT program)
install(DIRECTORY ${written}/schemas DESTINATION ${data_dir} COMPONENT program)
install(DIRECTORY ${written}/bash/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT program)
install(DIRECTORY ${written}/fish/
  DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT program)
foreach(folder site-functions vendor-completions) # zsh's, and where Debian's looks
  install(DIRECTORY ${written}/zsh/
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/${folder} COMPONENT program)
endforeach()

install(FILES LICENSE README.md CHANGELOG.md TYPE DOC COMPONENT program)
install(DIRECTORY docs/ TYPE DOC COMPONENT program)

# The library: public headers are those that are good for something without the library's sources.
set(internal
  core/checker core/dram/rows core/exec/element_order core/machine/rows core/mapping/vector_builder
  core/numeric/elements core/numeric/float_codec core/numeric/ggml_blocks core/numeric/ggml_k_search core/numeric/nf4 core/numeric/rows
  core/numeric/scale_storage core/numeric/vectorize core/rule core/workload/pins_rows
  core/workload/rows hw/block_scales run/batch_evaluation run/checked run/generators run/head_pass run/kv_cache
  run/language_evaluation run/layer_formats run/layer_tensors run/mac_operands run/native_order
  run/network_inputs run/network_runner run/network_tensor run/network_values run/quantize_passes
  run/rows run/run_check run/tensor_store run/value_pass run/vector_run)
list(JOIN internal "|" internal)
install(DIRECTORY models/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/bitjoule COMPONENT devel
  FILES_MATCHING PATTERN "*.h" REGEX "/models/(${internal})\\.h$" EXCLUDE)
# They include one another by their full names, as their users do.
install(CODE "
  set(include \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}/bitjoule\")
  file(GLOB_RECURSE headers \"\${include}/*.h\")
  foreach(header IN LISTS headers)
    file(READ \"\${header}\" text)
    string(REGEX REPLACE \"#include \\\"(core|hw|run)/\" \"#include \\\"bitjoule/\\\\1/\" text \"\${text}\")
    file(WRITE \"\${header}\" \"\${text}\")
  endforeach()" COMPONENT devel)
install(TARGETS bitjoule_core bitjoule_hw bitjoule_run EXPORT bitjoule
  ARCHIVE COMPONENT devel)
# Fat objects without their link-time part: that is of one version of one compiler, and names sources.
install(CODE "
  foreach(library core hw run)
    execute_process(COMMAND \"${CMAKE_OBJCOPY}\" --enable-deterministic-archives --wildcard
      --remove-section=.gnu.lto_* --remove-section=.gnu.debuglto_* --strip-symbol=__gnu_lto_*
      \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBDIR}/libbitjoule_\${library}.a\"
      COMMAND_ERROR_IS_FATAL ANY)
  endforeach()" COMPONENT devel)

include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/bitjoule)
install(EXPORT bitjoule NAMESPACE bitjoule:: FILE bitjoule-targets.cmake
  DESTINATION ${package_dir} COMPONENT devel)
configure_package_config_file(cmake/bitjoule-config.cmake.in
  ${PROJECT_BINARY_DIR}/package/bitjoule-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/package/bitjoule-config-version.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/package/bitjoule-config.cmake
              ${PROJECT_BINARY_DIR}/package/bitjoule-config-version.cmake
  DESTINATION ${package_dir} COMPONENT devel)

file(RELATIVE_PATH up "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
function(bitjoule_pkgconfig name requires libs summary)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/bitjoule.pc.in
    ${PROJECT_BINARY_DIR}/package/bitjoule-${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/package/bitjoule-${name}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT devel)
endfunction()
bitjoule_pkgconfig(core "fmt" "" "number formats, mapping, prices, DRAM state")
bitjoule_pkgconfig(hw "bitjoule-core systemc" "-Wl,--undefined=sc_main " "SystemC modules")
bitjoule_pkgconfig(run "bitjoule-hw" "" "a layer or a network through a machine")

include(${CMAKE_CURRENT_LIST_DIR}/package.cmake)

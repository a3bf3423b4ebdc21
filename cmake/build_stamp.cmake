# Says in a header what the sources are: their commit and a digest. Runs at every build; the header
# changes only when what it says does, so that nothing is compiled again for nothing.
#
#   cmake -DSOURCE_DIR=... -DHEADER=... -P cmake/build_stamp.cmake
cmake_minimum_required(VERSION 3.25)

# What the program is made of. Configuration files are not: results carry what they say.
set(parts CMakeLists.txt cmake models sim)

# What git says, or nothing where there is none.
function(ask_git variable)
  execute_process(
    COMMAND git -c safe.directory=* --no-optional-locks -C ${SOURCE_DIR} ${ARGN}
    RESULT_VARIABLE code OUTPUT_VARIABLE text ERROR_QUIET OUTPUT_STRIP_TRAILING_WHITESPACE)
  if(NOT code STREQUAL 0)
    set(text "")
  endif()
  set(${variable} "${text}" PARENT_SCOPE)
endfunction()

set(commit "")
set(modified false)
file(REAL_PATH ${SOURCE_DIR} source_dir)
ask_git(top rev-parse --show-toplevel)
if(top STREQUAL source_dir) # else a repository that merely contains the unpacked sources
  ask_git(commit rev-parse --verify HEAD)
  ask_git(changes status --porcelain -- ${parts})
  if(NOT changes STREQUAL "")
    set(modified true)
  endif()
endif()

foreach(part ${parts})
  foreach(ending cpp h cmake txt)
    file(GLOB_RECURSE found RELATIVE ${SOURCE_DIR} ${SOURCE_DIR}/${part}/*.${ending})
    list(APPEND files ${found})
  endforeach()
endforeach()
list(APPEND files CMakeLists.txt)
list(SORT files)
foreach(file ${files})
  file(SHA256 ${SOURCE_DIR}/${file} digest)
  string(APPEND digests "${digest} ${file}\n")
endforeach()
string(SHA256 sources "${digests}")
string(SUBSTRING ${sources} 0 16 sources)

file(CONFIGURE OUTPUT ${HEADER} @ONLY CONTENT
"#define BITJOULE_COMMIT \"@commit@\"
#define BITJOULE_MODIFIED @modified@
#define BITJOULE_SOURCES \"@sources@\"
")

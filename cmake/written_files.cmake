# Manual page, completion and schemas as files, by the program that they are about.
#
#   cmake -DPROGRAM=.../sim -DDIRECTORY=... -P cmake/written_files.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE_RECURSE ${DIRECTORY})
file(MAKE_DIRECTORY ${DIRECTORY}/man1 ${DIRECTORY}/bash ${DIRECTORY}/fish ${DIRECTORY}/zsh
     ${DIRECTORY}/schemas)
function(write file)
  execute_process(COMMAND ${PROGRAM} ${ARGN}
    OUTPUT_FILE ${DIRECTORY}/${file} COMMAND_ERROR_IS_FATAL ANY)
endfunction()
write(man1/sim.1 man)
file(CREATE_LINK sim.1 ${DIRECTORY}/man1/bitjoule.1 SYMBOLIC)
write(bash/sim completion bash)
file(CREATE_LINK sim ${DIRECTORY}/bash/bitjoule SYMBOLIC)
write(fish/sim.fish completion fish)
file(CREATE_LINK sim.fish ${DIRECTORY}/fish/bitjoule.fish SYMBOLIC)
write(zsh/_sim completion zsh)

execute_process(COMMAND ${PROGRAM} list kinds OUTPUT_VARIABLE kinds COMMAND_ERROR_IS_FATAL ANY)
string(REGEX REPLACE "[ \t][^\n]*" "" kinds "${kinds}")
string(REGEX MATCHALL "[^\n]+" kinds "${kinds}")
foreach(kind ${kinds})
  write(schemas/${kind}.schema.json schema ${kind})
endforeach()
file(TOUCH ${DIRECTORY}/stamp)

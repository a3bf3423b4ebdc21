# The library that draws the charts of reports (Observable Plot on D3), by npm in the versions of the
# lock file, as one script and one text of licences. Where npm cannot get it, the build says so and
# goes on; the next one tries again.
#
#   cmake -DNPM=npm -DSOURCE=sim/report/web -DWORK=... -DDIRECTORY=... -P cmake/report_charts.cmake
cmake_minimum_required(VERSION 3.25)

file(REMOVE ${DIRECTORY}/charts.js ${DIRECTORY}/charts.licence ${WORK}/stamp)
file(MAKE_DIRECTORY ${WORK} ${DIRECTORY})
file(COPY ${SOURCE}/package.json ${SOURCE}/package-lock.json DESTINATION ${WORK})
set(result "no npm (Debian: npm)")
if(NPM)
  execute_process(COMMAND ${NPM} ci --ignore-scripts --no-audit --no-fund --prefer-offline
    WORKING_DIRECTORY ${WORK} RESULT_VARIABLE result OUTPUT_QUIET ERROR_VARIABLE why)
endif()
if(NOT result EQUAL 0)
  message(WARNING "Reports will have tables without charts: npm ci in ${WORK}: ${result}\n${why}")
  return()
endif()

# In the order in which they need each other.
set(modules ${WORK}/node_modules)
execute_process(COMMAND ${CMAKE_COMMAND} -E cat ${modules}/d3/dist/d3.min.js
  ${modules}/@observablehq/plot/dist/plot.umd.min.js OUTPUT_FILE ${DIRECTORY}/charts.js
  COMMAND_ERROR_IS_FATAL ANY)

file(GLOB licences ${modules}/*/LICENSE* ${modules}/@*/*/LICENSE*)
list(SORT licences)
set(all "")
foreach(licence ${licences})
  get_filename_component(package ${licence} DIRECTORY)
  file(RELATIVE_PATH name ${modules} ${package})
  file(READ ${licence} text)
  string(APPEND all "== ${name}\n${text}\n")
endforeach()
file(WRITE ${DIRECTORY}/charts.licence "${all}")
file(TOUCH ${WORK}/stamp)

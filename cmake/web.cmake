# The dashboard: npm and Vite, in the build folder so that the tree stays clean. `wakewatch` in bin/ serves what it finds in
# ../share/wakewatch/web.
option(WAKEWATCH_WEB "Build the dashboard (needs node 18 or newer, and npm)" ON)

function(wakewatch_web_tools why)
  find_program(WAKEWATCH_NODE NAMES node nodejs)
  find_program(WAKEWATCH_NPM npm)
  set(${why} "" PARENT_SCOPE)
  if(NOT WAKEWATCH_WEB)
    set(${why} "WAKEWATCH_WEB is off" PARENT_SCOPE)
  elseif(NOT WAKEWATCH_NODE OR NOT WAKEWATCH_NPM)
    set(${why} "node or npm is not installed (deploy/packages.sh build)" PARENT_SCOPE)
  else()
    execute_process(COMMAND ${WAKEWATCH_NODE} --version OUTPUT_VARIABLE version OUTPUT_STRIP_TRAILING_WHITESPACE)
    string(REGEX REPLACE "^v" "" version "${version}")
    if(version VERSION_LESS 18.14.1)
      set(${why} "node ${version} is too old, 18.14.1 is needed" PARENT_SCOPE)
    endif()
  endif()
endfunction()

function(wakewatch_web)
  cmake_parse_arguments(WEB "" "DIR" "" ${ARGN})
  wakewatch_web_tools(why)
  set_property(GLOBAL PROPERTY WAKEWATCH_WEB_MISSING "${why}")
  if(why)
    message(WARNING "The dashboard is not built: ${why}. Everything else is; the server then has no pages.")
    return()
  endif()
  set(source ${PROJECT_SOURCE_DIR}/${WEB_DIR})
  set(work ${CMAKE_BINARY_DIR}/web)
  set(out ${CMAKE_BINARY_DIR}/share/wakewatch/web)
  set(packages package.json package-lock.json .npmrc)
  set(folders src public scripts tests)
  set(settings index.html tsconfig.json vite.config.ts vitest.unit.config.ts vitest.e2e.config.ts .prettierrc
      .prettierignore)
  list(TRANSFORM packages PREPEND ${source}/)
  list(TRANSFORM settings PREPEND ${source}/)
  set(globs "")
  set(copied "")
  set(copies "")
  foreach(folder ${folders})
    list(APPEND globs ${source}/${folder}/*)
    list(APPEND copied ${work}/${folder})
    list(APPEND copies COMMAND ${CMAKE_COMMAND} -E copy_directory ${source}/${folder} ${work}/${folder})
  endforeach()
  file(GLOB_RECURSE files CONFIGURE_DEPENDS ${globs})
  list(FILTER files EXCLUDE REGEX "/src/gen/|/tests/screenshots/")
  file(GLOB protos CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/proto/wakewatch/v1/*.proto)

  add_custom_command(
    OUTPUT ${work}/packages.stamp
    COMMAND ${CMAKE_COMMAND} -E make_directory ${work}
    COMMAND ${CMAKE_COMMAND} -E copy ${packages} ${work}
    COMMAND sh -c "\"$0\" ci --include=dev --ignore-scripts --prefer-offline --no-progress --loglevel=error || \
{ echo 'npm ci failed: the packages of the dashboard need a registry. -DWAKEWATCH_WEB=OFF builds without it.'; exit 1; }"
            ${WAKEWATCH_NPM}
    COMMAND ${CMAKE_COMMAND} -E touch ${work}/packages.stamp
    DEPENDS ${packages}
    WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/web
    COMMENT "Installing the packages of the dashboard"
    VERBATIM)
  add_custom_command(
    OUTPUT ${work}/pages.stamp
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${copied}
    ${copies}
    COMMAND ${CMAKE_COMMAND} -E copy ${settings} ${work}
    COMMAND ${CMAKE_COMMAND} -E env PROTOC=$<TARGET_FILE:protobuf::protoc> WAKEWATCH_PROTO=${PROJECT_SOURCE_DIR}/proto
            WAKEWATCH_WEB_OUT=${out} ${WAKEWATCH_NPM} run --silent build
    COMMAND ${CMAKE_COMMAND} -E touch ${work}/pages.stamp
    DEPENDS ${work}/packages.stamp ${files} ${settings} ${protos}
    WORKING_DIRECTORY ${work}
    COMMENT "Building the dashboard"
    VERBATIM)
  file(MAKE_DIRECTORY ${work})
  add_custom_target(web ALL DEPENDS ${work}/pages.stamp)
  install(DIRECTORY ${out}/ DESTINATION share/wakewatch/web)
endfunction()

# Skipped tests stay visible: 77 with the reason, never silence.
function(wakewatch_web_tests)
  get_property(why GLOBAL PROPERTY WAKEWATCH_WEB_MISSING)
  foreach(part unit e2e)
    if(why)
      add_test(NAME web.${part} COMMAND sh -c "echo \"SKIPPED: the dashboard is not built: $0\"; exit 77" ${why})
    else()
      string(REPLACE "unit" "test" script ${part})
      add_test(NAME web.${part} COMMAND ${WAKEWATCH_NPM} run --silent ${script} WORKING_DIRECTORY ${CMAKE_BINARY_DIR}/web)
    endif()
    set_tests_properties(web.${part} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 3600 PROCESSORS 2
                         ENVIRONMENT "WAKEWATCH_WEB_OUT=${CMAKE_BINARY_DIR}/share/wakewatch/web")
  endforeach()
endfunction()

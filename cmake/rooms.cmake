# A room is a folder with a static library of the same name: its *.cc files, less the *_test.cc beside them, which become
# one test program a room. ALSO names folders inside of it that belong to it.
set_property(GLOBAL PROPERTY WAKEWATCH_ROOMS "")

function(wakewatch_room name)
  cmake_parse_arguments(ROOM "" "DIR" "LINK;ALSO" ${ARGN})
  set(folders ${ROOM_ALSO})
  list(TRANSFORM folders PREPEND "${ROOM_DIR}/")
  list(TRANSFORM folders APPEND "/*.cc")
  file(GLOB sources CONFIGURE_DEPENDS ${ROOM_DIR}/*.cc ${folders})
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  if(NOT sources)
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${ROOM_LINK})
  else()
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${ROOM_LINK})
  endif()
  set_property(GLOBAL APPEND PROPERTY WAKEWATCH_ROOMS ${name})
  set_property(GLOBAL PROPERTY WAKEWATCH_TESTS_${name} "${tests}")
endfunction()

# Texts that are part of the room's library: an array of (name without extension, content), which HEADER declares.
function(wakewatch_embed name)
  cmake_parse_arguments(EMBED "" "HEADER" "TEXTS" ${ARGN})
  file(GLOB texts CONFIGURE_DEPENDS ${EMBED_TEXTS})
  set(made ${CMAKE_BINARY_DIR}/generated/${name}_embedded.cc)
  add_custom_command(
    OUTPUT ${made}
    COMMAND ${CMAKE_COMMAND} -D "TEXTS=${texts}" -D HEADER=${EMBED_HEADER} -D OUT=${made}
            -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS ${texts} ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    VERBATIM)
  target_sources(${name} PRIVATE ${made})
endfunction()

function(wakewatch_room_tests)
  include(GoogleTest)
  get_property(rooms GLOBAL PROPERTY WAKEWATCH_ROOMS)
  foreach(room ${rooms})
    get_property(tests GLOBAL PROPERTY WAKEWATCH_TESTS_${room})
    if(tests)
      add_executable(${room}_test ${tests})
      target_link_libraries(${room}_test PRIVATE ${room} GTest::gtest_main GTest::gmock)
      target_compile_definitions(${room}_test PRIVATE WAKEWATCH_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
      # Those that record this machine have it to themselves, one at a time: what one starts, another would see.
      set(more "")
      if(room MATCHES "^(recorder|broker)$")
        set(more PROPERTIES RESOURCE_LOCK tracefs)
      endif()
      gtest_discover_tests(${room}_test TEST_PREFIX "${room}." DISCOVERY_TIMEOUT 300 ${more})
    endif()
  endforeach()
endfunction()

function(wakewatch_program name)
  cmake_parse_arguments(PROGRAM "" "DIR" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${PROGRAM_DIR}/*.cc)
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  if(sources)
    add_executable(${name} ${sources})
    target_link_libraries(${name} PRIVATE ${PROGRAM_LINK})
    target_compile_definitions(${name} PRIVATE WAKEWATCH_VERSION="${PROJECT_VERSION}")
  endif()
endfunction()

# A module that `sqlite3 file.db ".load wakewatch_sqlite"` takes; it exports its entry point and nothing else.
function(wakewatch_sqlite_extension name)
  cmake_parse_arguments(EXT "" "SOURCE" "LINK" ${ARGN})
  if(EXISTS ${PROJECT_SOURCE_DIR}/${EXT_SOURCE})
    add_library(${name} MODULE ${EXT_SOURCE})
    set_target_properties(${name} PROPERTIES PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin
                          CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
    # The rooms are built for programs, with everything visible; here their names stay inside.
    target_link_options(${name} PRIVATE LINKER:--exclude-libs,ALL)
    target_link_libraries(${name} PRIVATE ${EXT_LINK})
  endif()
endfunction()

# The wire contract: a library of the code that protoc makes of DIR/wakewatch/v1/*.proto. Its headers are included with
# angle brackets, since they are not in the tree.
function(wakewatch_proto name)
  cmake_parse_arguments(PROTO "" "DIR" "LINK" ${ARGN})
  set(root ${PROJECT_SOURCE_DIR}/${PROTO_DIR})
  set(out ${CMAKE_BINARY_DIR}/generated)
  file(GLOB protos CONFIGURE_DEPENDS ${root}/wakewatch/v1/*.proto)
  set(made "")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${protos})
  foreach(proto ${protos})
    wakewatch_check_roles(${proto})
    get_filename_component(stem ${proto} NAME_WE)
    set(base ${out}/wakewatch/v1/${stem})
    add_custom_command(
      OUTPUT ${base}.pb.cc ${base}.pb.h ${base}.grpc.pb.cc ${base}.grpc.pb.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${out}
      COMMAND protobuf::protoc -I ${root} --cpp_out=${out} --grpc_out=${out}
              --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin> ${proto}
      DEPENDS ${protos}
      VERBATIM)
    list(APPEND made ${base}.pb.cc ${base}.grpc.pb.cc)
  endforeach()
  add_library(${name} STATIC ${made})
  target_include_directories(${name} SYSTEM PUBLIC ${out})
  target_link_libraries(${name} PUBLIC ${PROTO_LINK})
  target_compile_options(${name} PRIVATE -w)
endfunction()

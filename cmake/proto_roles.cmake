# An RPC that does not say who may call it is one that nobody has thought of: it fails the build, when the build is
# configured, which it is again after every change of a .proto.
# Alone: cmake -DWAKEWATCH_PROTO=FILE -P cmake/proto_roles.cmake

function(wakewatch_check_roles file)
  file(READ ${file} text)
  string(REGEX REPLACE "//[^\n]*" "" text "${text}")
  # What would be lists to CMake.
  string(REPLACE ";" "@" text "${text}")
  string(REGEX REPLACE "[][]" " " text "${text}")
  string(REGEX MATCHALL "rpc[ \t\n]+[A-Za-z0-9_]+[^@{]*(@|{[^}]*})" rpcs "${text}")
  string(REGEX MATCHALL "rpc[ \t\n]+[A-Za-z0-9_]+[ \t\n]*\\(" begun "${text}")
  list(LENGTH rpcs found)
  list(LENGTH begun wanted)
  if(NOT found EQUAL wanted)
    message(FATAL_ERROR "${file}: ${wanted} RPCs, of which ${found} can be read: one option in braces each")
  endif()
  foreach(rpc ${rpcs})
    string(REGEX MATCH "rpc[ \t\n]+[A-Za-z0-9_]+" name "${rpc}")
    if(NOT rpc MATCHES "option[ \t\n]*\\(role\\)[ \t\n]*=[ \t\n]*ROLE_[A-Z]+[ \t\n]*@" OR rpc MATCHES "ROLE_UNSPECIFIED")
      message(FATAL_ERROR "${file}: ${name} does not say which role it needs: { option (role) = ROLE_READ; }")
    endif()
  endforeach()
endfunction()

if(CMAKE_SCRIPT_MODE_FILE AND WAKEWATCH_PROTO)
  wakewatch_check_roles(${WAKEWATCH_PROTO})
endif()

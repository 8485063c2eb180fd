# How every library and test of this project is declared: the sources are the .cpp files of the folder.

function(penstock_flags target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor)
  if(PENSTOCK_WERROR)
    target_compile_options(${target} PRIVATE -Werror)
  endif()
  if(PENSTOCK_SANITIZE)
    # g++ 12 takes alternatives of temporary variants for uninitialized when it instruments them.
    target_compile_options(${target} PRIVATE -Wno-maybe-uninitialized)
    target_compile_options(${target} PUBLIC -fsanitize=${PENSTOCK_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC -fsanitize=${PENSTOCK_SANITIZE})
  endif()
endfunction()

# penstock_library(core penstock_value ...): the static library penstock_core from the .cpp files of this folder.
function(penstock_library name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  if(NOT sources)
    add_library(penstock_${name} INTERFACE)
    target_include_directories(penstock_${name} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
    target_link_libraries(penstock_${name} INTERFACE ${ARGN})
    return()
  endif()
  add_library(penstock_${name} STATIC ${sources})
  target_include_directories(penstock_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>
    $<INSTALL_INTERFACE:include>)
  target_link_libraries(penstock_${name} PUBLIC ${ARGN})
  penstock_flags(penstock_${name})
endfunction()

# penstock_test(core penstock_core ...): the GoogleTest program core_test from the *_test.cpp files of this folder.
function(penstock_test name)
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE ${ARGN} GTest::gmock_main)
  target_include_directories(${name}_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  penstock_flags(${name}_test)
  # Most of a test runs once: optimizing it would take longer.
  target_compile_options(${name}_test PRIVATE $<$<NOT:$<CONFIG:Debug>>:-O1>)
  set(timeout_s 300)
  if(PENSTOCK_SANITIZE)
    set(timeout_s 900)
  endif()
  gtest_discover_tests(${name}_test TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 120 PROPERTIES LABELS unit TIMEOUT ${timeout_s})
endfunction()

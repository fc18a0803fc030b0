# The compiler settings of all our code, and one function for each kind of target.

add_library(mosaic_options INTERFACE)
target_compile_options(
  mosaic_options
  INTERFACE -Wall
            -Wextra
            -Wshadow
            -Wconversion
            -Wno-sign-conversion
            -Wno-missing-field-initializers  # designated initialisers leave the rest at its default on purpose
            $<$<BOOL:${MOSAIC_WERROR}>:-Werror>
            # The same bits on every machine: no fused multiply-add where the source has two operations.
            -ffp-contract=off)
# <mpi.h> without the C++ bindings that Open MPI 4 and MPICH still have: they would want a library of their own.
target_compile_definitions(mosaic_options INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
target_include_directories(mosaic_options INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(mosaic_options INTERFACE Threads::Threads)
if(MOSAIC_SANITIZE)
  target_compile_options(mosaic_options INTERFACE -fsanitize=${MOSAIC_SANITIZE} -fno-sanitize-recover=all
                                                  -fno-omit-frame-pointer
                                                  -Wno-maybe-uninitialized)  # GCC 12 is wrong about it with sanitizers on
  target_link_options(mosaic_options INTERFACE -fsanitize=${MOSAIC_SANITIZE})
endif()

# One folder of src/: every .cpp in it, the folders it uses, the third-party libraries that only it sees.
function(mosaic_library name)
  cmake_parse_arguments(ARG "" "" "USES;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.h)
  list(TRANSFORM ARG_USES PREPEND mosaic_)
  add_library(mosaic_${name} STATIC ${sources})
  target_sources(mosaic_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/src FILES ${headers})
  target_link_libraries(mosaic_${name} PUBLIC mosaic_options ${ARG_USES} PRIVATE ${ARG_LINK})
endfunction()

# Headers that are compiled once, for all targets that take them by mosaic_precompiled.
function(mosaic_precompiled_headers name)
  cmake_parse_arguments(ARG "" "" "LINK;HEADERS" ${ARGN})
  # Written only if it is not there: a newer one would have all of them compiled anew after each run of CMake.
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${name}.cpp CONTENT "// Empty: its target holds precompiled headers.\n")
  add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PRIVATE mosaic_options ${ARG_LINK})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
  target_compile_options(${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endfunction()

function(mosaic_precompiled target name)
  target_precompile_headers(${target} REUSE_FROM ${name})
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)  # without it ccache keeps nothing
endfunction()

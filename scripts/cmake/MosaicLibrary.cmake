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

# Kernels in CUDA as object files of the libraries that they belong to.
#
# Not by enable_language(CUDA): that tries the compiler on a whole program, for which the wheels' toolkit has no default
# places, and then links a CUDA runtime of its choice. We compile; the linker takes the runtime that LibTorch has (LibTorch.cmake).
#
# nvcc is looked for where the CUDA runtime is, the wheels first, then the toolkits; -DMOSAIC_NVCC=... takes another.

set(MOSAIC_CUDA_ARCHITECTURES 80 90 100 CACHE STRING "Compute capabilities to compile for; the last also as PTX, for newer GPUs")

find_program(MOSAIC_NVCC nvcc PATHS ${cuda_roots} PATH_SUFFIXES bin NO_DEFAULT_PATH)
if(NOT MOSAIC_NVCC)
  message(FATAL_ERROR "nvcc not found in ${cuda_roots}: run scripts/install, load a CUDA toolkit (CUDA_HOME), give "
                      "-DMOSAIC_NVCC=/path/to/nvcc, or configure with -DMOSAIC_CUDA=OFF")
endif()

set(cuda_flags -std=c++20 -O3 -lineinfo --compiler-options=-fPIC,-Wall,-Wextra,-Wshadow
               -fmad=false)  # the same numbers as the CPU's kernels: all are bound by memory, not by arithmetic
if(MOSAIC_WERROR)
  list(APPEND cuda_flags --Werror=all-warnings)
endif()
foreach(architecture IN LISTS MOSAIC_CUDA_ARCHITECTURES)
  list(APPEND cuda_flags -gencode=arch=compute_${architecture},code=sm_${architecture})
endforeach()
list(GET MOSAIC_CUDA_ARCHITECTURES -1 newest)
list(APPEND cuda_flags -gencode=arch=compute_${newest},code=compute_${newest})

# Compile .cu files of the current folder into `target`.
function(mosaic_cuda_kernels target)
  foreach(file IN LISTS ARGN)
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${file}.o)
    add_custom_command(
      OUTPUT ${object}
      COMMAND ${CMAKE_CXX_COMPILER_LAUNCHER} ${MOSAIC_NVCC} -ccbin ${CMAKE_CXX_COMPILER} ${cuda_flags} -I${PROJECT_SOURCE_DIR}/src -MD
              -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source}
      DEPFILE ${object}.d
      COMMENT "Building CUDA object ${file}.o"
      VERBATIM)
    target_sources(${target} PRIVATE ${object})
  endforeach()
endfunction()

# LibTorch >= 2.11 as targets of our own.
#
# Its own CMake package insists on a complete CUDA toolkit even for a program that only links it, and takes whatever NCCL
# it finds first. We need headers and five libraries, and exactly the NCCL that LibTorch was built with.
#
# Looked for in CMAKE_PREFIX_PATH (an unpacked LibTorch, or site-packages/torch of a Python environment), then in .venv.
# Sets LibTorch_ROOT, LibTorch_VERSION, NCCL_LIBRARY; defines mosaic_torch, and with MOSAIC_CUDA mosaic_cudart, mosaic_nccl.

file(GLOB venv_torch ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
find_path(LibTorch_ROOT NAMES include/ATen/core/Tensor.h HINTS ${CMAKE_PREFIX_PATH} ${venv_torch} NO_DEFAULT_PATH)
if(NOT LibTorch_ROOT)
  message(FATAL_ERROR "LibTorch not found: run scripts/install, or give -DCMAKE_PREFIX_PATH=/path/to/libtorch "
                      "(the folder with include/ and lib/; of a Python environment: site-packages/torch)")
endif()

file(STRINGS ${LibTorch_ROOT}/include/torch/headeronly/version.h version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX MATCHALL "[0-9]+" LibTorch_VERSION "${version_lines}")
list(JOIN LibTorch_VERSION "." LibTorch_VERSION)
if(LibTorch_VERSION VERSION_LESS 2.11)
  message(FATAL_ERROR "LibTorch in ${LibTorch_ROOT}: found version '${LibTorch_VERSION}', expected 2.11 or newer")
endif()

add_library(mosaic_torch INTERFACE)
target_include_directories(mosaic_torch SYSTEM INTERFACE ${LibTorch_ROOT}/include
                                                         ${LibTorch_ROOT}/include/torch/csrc/api/include)
# The CUDA backend registers itself when its library is loaded: nothing refers to it, so the linker must be told to keep it.
target_link_libraries(mosaic_torch INTERFACE -Wl,--no-as-needed ${LibTorch_ROOT}/lib/libtorch_cpu.so
                                             ${LibTorch_ROOT}/lib/libc10.so)

# at::parallel_for is a template: compiled without OpenMP it runs on the calling thread alone, and says nothing. Two OpenMP
# libraries in one process would each have threads of their own, so the one that LibTorch brings along is linked; where it
# brings none, it uses the system's, as we do.
find_package(OpenMP REQUIRED COMPONENTS CXX)
separate_arguments(openmp_flags NATIVE_COMMAND "${OpenMP_CXX_FLAGS}")
file(GLOB torch_openmp ${LibTorch_ROOT}/lib/libgomp*.so* ${LibTorch_ROOT}/lib/libiomp5.so)
if(torch_openmp)
  list(GET torch_openmp 0 torch_openmp)
  if(CMAKE_CXX_COMPILER_ID MATCHES Clang AND torch_openmp MATCHES libgomp)
    message(FATAL_ERROR "${CMAKE_CXX_COMPILER_ID} calls another OpenMP library than LibTorch has (${torch_openmp}): configure with "
                        "-DCMAKE_CXX_COMPILER=g++, or with a LibTorch that has libiomp5.so")
  endif()
else()
  set(torch_openmp ${OpenMP_CXX_LIBRARIES})
endif()
target_compile_options(mosaic_torch INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${openmp_flags}>)
target_link_libraries(mosaic_torch INTERFACE ${torch_openmp})

if(MOSAIC_CUDA)
  if(NOT EXISTS ${LibTorch_ROOT}/lib/libtorch_cuda.so)
    message(FATAL_ERROR "LibTorch in ${LibTorch_ROOT} has no CUDA: take one that has, or configure with -DMOSAIC_CUDA=OFF")
  endif()
  # Beside LibTorch in a Python environment the CUDA wheels are in site-packages/nvidia; an unpacked LibTorch needs a toolkit.
  # Never look in the system's default places: an NCCL or CUDA runtime of another version found there would be linked first.
  file(GLOB cuda_wheels ${LibTorch_ROOT}/../nvidia/cu*)
  set(cuda_roots ${cuda_wheels} ${CUDAToolkit_ROOT} $ENV{CUDA_HOME} /usr/local/cuda)
  find_path(CUDA_RUNTIME_INCLUDE cuda_runtime_api.h PATHS ${cuda_roots} PATH_SUFFIXES include NO_DEFAULT_PATH REQUIRED)
  find_library(CUDA_RUNTIME_LIBRARY NAMES libcudart.so.13 libcudart.so.12 libcudart.so NAMES_PER_DIR PATHS ${cuda_roots}
               PATH_SUFFIXES lib lib64 NO_DEFAULT_PATH REQUIRED)
  set(nccl_roots ${LibTorch_ROOT}/../nvidia/nccl ${LibTorch_ROOT} ${NCCL_ROOT} $ENV{NCCL_HOME})
  find_path(NCCL_INCLUDE nccl.h PATHS ${nccl_roots} PATH_SUFFIXES include NO_DEFAULT_PATH REQUIRED)
  find_library(NCCL_LIBRARY NAMES libnccl.so.2 PATHS ${nccl_roots} PATH_SUFFIXES lib lib64 NO_DEFAULT_PATH REQUIRED)

  add_library(mosaic_cudart INTERFACE)
  target_include_directories(mosaic_cudart SYSTEM INTERFACE ${CUDA_RUNTIME_INCLUDE})
  target_link_libraries(mosaic_cudart INTERFACE ${CUDA_RUNTIME_LIBRARY})
  target_compile_definitions(mosaic_cudart INTERFACE MOSAIC_CUDA)

  add_library(mosaic_nccl INTERFACE)
  target_include_directories(mosaic_nccl SYSTEM INTERFACE ${NCCL_INCLUDE})
  target_link_libraries(mosaic_nccl INTERFACE ${NCCL_LIBRARY})

  target_link_libraries(mosaic_torch INTERFACE ${LibTorch_ROOT}/lib/libtorch_cuda.so ${LibTorch_ROOT}/lib/libc10_cuda.so
                                               mosaic_cudart)
  include(CudaKernels)
endif()

# <ATen/ATen.h> takes 6 s to read and nearly every file of ours that uses LibTorch needs it; those that take longest read JSON, too.
mosaic_precompiled_headers(mosaic_precompiled_aten LINK mosaic_torch nlohmann_json::nlohmann_json HEADERS <ATen/ATen.h>
                           <nlohmann/json.hpp>)

# `target` uses LibTorch, and so do those that link it.
function(mosaic_use_torch target)
  target_link_libraries(${target} PUBLIC mosaic_torch)
  mosaic_precompiled(${target} mosaic_precompiled_aten)
endfunction()

# Apache Parquet for C++: a package of the system, or what the Python wheel pyarrow brings along, which has the headers and the libraries but no
# files for CMake. Looks for the wheel in .venv and in the environment of the python3 in PATH; -DMOSAIC_PYARROW=/path/to/site-packages/pyarrow
# names another, OFF none. Gives the target MosaicParquet::parquet.
set(MOSAIC_PYARROW "" CACHE STRING "Folder of the Python package pyarrow, for Parquet files; OFF: leave them out")

if(NOT MOSAIC_PYARROW STREQUAL "OFF" AND NOT TARGET MosaicParquet::parquet)
  if(NOT MOSAIC_PYARROW)
    find_package(Parquet CONFIG QUIET GLOBAL NO_SYSTEM_ENVIRONMENT_PATH)  # not that of whatever environment is first in PATH
  endif()
  set(libraries "")
  if(TARGET Parquet::parquet_shared)
    set(libraries Parquet::parquet_shared)
    set(MosaicParquet_VERSION "${Parquet_VERSION}")
  else()
    if(MOSAIC_PYARROW)
      set(patterns "${MOSAIC_PYARROW}")
    else()
      find_program(MOSAIC_PYTHON_IN_PATH python3)
      cmake_path(GET MOSAIC_PYTHON_IN_PATH PARENT_PATH prefix)
      cmake_path(GET prefix PARENT_PATH prefix)  # a link of a virtual environment is not followed
      set(patterns "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/pyarrow" "${prefix}/lib/python3*/site-packages/pyarrow")
    endif()
    foreach(pattern IN LISTS patterns)
      file(GLOB folders "${pattern}")
      foreach(folder IN LISTS folders)
        file(GLOB parquet "${folder}/libparquet.so.*" "${folder}/libparquet.*.dylib")
        file(GLOB arrow "${folder}/libarrow.so.*" "${folder}/libarrow.*.dylib")
        if(NOT libraries AND parquet AND arrow AND EXISTS "${folder}/include/parquet/api/reader.h")
          list(GET parquet 0 parquet)
          list(GET arrow 0 arrow)
          set(libraries "${parquet}" "${arrow}")
          set(MosaicParquet_INCLUDE "${folder}/include")
          set(MosaicParquet_FOLDER "${folder}")  # for the rpath of installed programs
          file(STRINGS "${folder}/include/arrow/util/config.h" version REGEX "define ARROW_VERSION_STRING")
          string(REGEX REPLACE ".*\"(.*)\".*" "\\1" MosaicParquet_VERSION "${version}")
        endif()
      endforeach()
    endforeach()
    if(MOSAIC_PYARROW AND NOT libraries)
      message(FATAL_ERROR "MOSAIC_PYARROW: got ${MOSAIC_PYARROW}, expected the folder of a pyarrow that has libparquet, libarrow and "
                          "include/, or OFF")
    endif()
  endif()

  # Wheels for old systems have another C++ ABI, whose texts ours cannot be linked with.
  if(libraries)
    include(CheckCXXSourceCompiles)
    set(CMAKE_REQUIRED_LIBRARIES ${libraries})
    set(CMAKE_REQUIRED_INCLUDES "${MosaicParquet_INCLUDE}")
    set(CMAKE_REQUIRED_FLAGS -std=c++20)
    unset(MOSAIC_PARQUET_LINKS CACHE)
    check_cxx_source_compiles("#include <parquet/api/reader.h>
      #include <string>
      int main(int, char** argv) { return parquet::ParquetFileReader::OpenFile(std::string(argv[0])) == nullptr; }" MOSAIC_PARQUET_LINKS)
  endif()
  if(MOSAIC_PARQUET_LINKS)
    add_library(MosaicParquet::parquet INTERFACE IMPORTED GLOBAL)
    set_target_properties(MosaicParquet::parquet PROPERTIES INTERFACE_LINK_LIBRARIES "${libraries}"
                                                            INTERFACE_SYSTEM_INCLUDE_DIRECTORIES "${MosaicParquet_INCLUDE}"
                                                            INTERFACE_INCLUDE_DIRECTORIES "${MosaicParquet_INCLUDE}")
    list(GET libraries 0 MosaicParquet_LIBRARY)
    set_property(GLOBAL PROPERTY mosaic_parquet_folder "${MosaicParquet_FOLDER}")
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MosaicParquet REQUIRED_VARS MosaicParquet_LIBRARY VERSION_VAR MosaicParquet_VERSION
                                  REASON_FAILURE_MESSAGE "preprocess will not read Parquet files: for that, put the wheel pyarrow into .venv")

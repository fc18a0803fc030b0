# Apache Parquet for C++: a package of the system, or what the Python wheel pyarrow brings along, which has the headers and the libraries but no
# files for CMake. Looks for the wheel in .venv and in the environment of the python3 in PATH; -DMOSAIC_PYARROW=/path/to/site-packages/pyarrow
# names another, OFF none. Gives the target MosaicParquet::parquet.
set(MOSAIC_PYARROW "" CACHE STRING "Folder of the Python package pyarrow, for Parquet files; OFF: leave them out")

if(NOT MOSAIC_PYARROW STREQUAL "OFF" AND NOT TARGET MosaicParquet::parquet)
  if(NOT MOSAIC_PYARROW)
    find_package(Parquet CONFIG QUIET)
  endif()
  if(TARGET Parquet::parquet_shared)
    add_library(MosaicParquet::parquet INTERFACE IMPORTED GLOBAL)
    target_link_libraries(MosaicParquet::parquet INTERFACE Parquet::parquet_shared)
    set(MosaicParquet_LIBRARY Parquet::parquet_shared)
    set(MosaicParquet_VERSION "${Parquet_VERSION}")
  else()
    find_program(MOSAIC_PYTHON_IN_PATH python3)
    cmake_path(GET MOSAIC_PYTHON_IN_PATH PARENT_PATH prefix)
    cmake_path(GET prefix PARENT_PATH prefix)  # a link of a virtual environment is not followed
    file(GLOB folders "${MOSAIC_PYARROW}" "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/pyarrow" "${prefix}/lib/python3*/site-packages/pyarrow")
    foreach(folder IN LISTS folders)
      file(GLOB parquet "${folder}/libparquet.so.*" "${folder}/libparquet.*.dylib")
      file(GLOB arrow "${folder}/libarrow.so.*" "${folder}/libarrow.*.dylib")
      if(parquet AND arrow AND EXISTS "${folder}/include/parquet/api/reader.h")
        list(GET parquet 0 parquet)
        list(GET arrow 0 arrow)
        add_library(MosaicParquet::parquet SHARED IMPORTED GLOBAL)
        set_target_properties(MosaicParquet::parquet PROPERTIES IMPORTED_LOCATION "${parquet}" INTERFACE_INCLUDE_DIRECTORIES "${folder}/include"
                                                                INTERFACE_LINK_LIBRARIES "${arrow}")
        set(MosaicParquet_LIBRARY "${parquet}")
        file(STRINGS "${folder}/include/arrow/util/config.h" version REGEX "define ARROW_VERSION_STRING")
        string(REGEX REPLACE ".*\"(.*)\".*" "\\1" MosaicParquet_VERSION "${version}")
        break()
      endif()
    endforeach()
  endif()
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(MosaicParquet REQUIRED_VARS MosaicParquet_LIBRARY VERSION_VAR MosaicParquet_VERSION
                                  REASON_FAILURE_MESSAGE "preprocess will not read Parquet files: for that, put the wheel pyarrow into .venv")

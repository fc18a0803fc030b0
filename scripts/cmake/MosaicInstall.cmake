# cmake --install build --prefix PREFIX: the programs, their manuals and completion, and in share/mosaic_resnet what to begin with.
# LibTorch stays where it was found: the program names that folder.
include(GNUInstallDirs)
set(share ${CMAKE_INSTALL_DATADIR}/mosaic_resnet)

set(programs preprocess)
if(MOSAIC_LIBTORCH)
  list(APPEND programs mosaic_resnet)
endif()
# CMake itself adds the folders of libraries, but none below the checkout, where .venv is.
set(library_folders "")
if(MOSAIC_LIBTORCH)
  foreach(library ${LibTorch_ROOT}/lib/libtorch_cpu.so ${NCCL_LIBRARY} ${CUDA_RUNTIME_LIBRARY})
    cmake_path(GET library PARENT_PATH folder)
    list(APPEND library_folders ${folder})
  endforeach()
endif()
get_property(parquet_folder GLOBAL PROPERTY mosaic_parquet_folder)
list(APPEND library_folders ${parquet_folder})
set_target_properties(${programs} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON INSTALL_RPATH "${library_folders}")
install(TARGETS ${programs})
foreach(program IN LISTS programs)
  install(FILES scripts/man/${program}.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES scripts/completion/${program} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endforeach()
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(DIRECTORY yamls slurm DESTINATION ${share} USE_SOURCE_PERMISSIONS)
install(PROGRAMS scripts/demo DESTINATION ${share}/scripts)
install(FILES scripts/make_digits.py scripts/demo_settings.py DESTINATION ${share}/scripts)

# The Python of the demo, which has its images; and where the scripts for Slurm find the programs.
set(python ${PROJECT_SOURCE_DIR}/.venv/bin/python)
if(NOT EXISTS ${python})
  set(python python3)
endif()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/installed_python CONTENT "${python}\n")
install(FILES ${PROJECT_BINARY_DIR}/installed_python DESTINATION ${share}/scripts RENAME python)
install(
  CODE "
  file(GLOB sites \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${share}/slurm/site.sh\"
                  \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${share}/slurm/site-examples/*.sh\")
  foreach(site IN LISTS sites)
    file(READ \"\${site}\" text)
    string(REPLACE \"\\\$MOSAIC_HOME/build\" \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\" text \"\${text}\")
    file(WRITE \"\${site}\" \"\${text}\")
  endforeach()")

# Run by each build: writes OUT, which defines MOSAIC_VERSION, and leaves it alone where it says the same already.
# SOURCE: the checkout. RELEASE: the version that its CMakeLists.txt names. OUT.

function(git result)
  execute_process(COMMAND git -C ${SOURCE} ${ARGN} OUTPUT_VARIABLE said OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(failed)
    set(said "")
  endif()
  set(${result} "${said}" PARENT_SCOPE)
endfunction()

set(version ${RELEASE})
git(top rev-parse --show-toplevel)
if(NOT top STREQUAL SOURCE)  # an archive, perhaps within somebody else's checkout
  string(APPEND version "+unknown")
else()
  git(tag describe --tags --exact-match --dirty)
  if(NOT tag STREQUAL "v${RELEASE}")
    git(commit describe --always --abbrev=7 --exclude=* --dirty=.dirty)
    string(APPEND version "+g${commit}")
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "#define MOSAIC_VERSION \"${version}\"\n")

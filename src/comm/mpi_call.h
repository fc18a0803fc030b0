#pragma once

#include <mpi.h>

#include "base/error.h"

namespace mosaic {

/// Throws what MPI says about a failed call: `check_mpi(MPI_Barrier(comm), "MPI_Barrier")`.
inline void check_mpi(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(status, text, &length);
  throw Error(str(call, " failed: ", text), kExitCrash);
}

}  // namespace mosaic

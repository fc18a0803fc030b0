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

/// The ranks of this node, in the order of their ranks in the job; the caller frees it. Collective over all ranks.
inline MPI_Comm node_communicator() {
  int rank = 0;
  check_mpi(MPI_Comm_rank(MPI_COMM_WORLD, &rank), "MPI_Comm_rank");
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node),
            "MPI_Comm_split_type");
  return node;
}

}  // namespace mosaic

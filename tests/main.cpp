#define CATCH_CONFIG_RUNNER
#include <mpi.h>

#include "catch.h"

// One main for all: under mpirun each rank runs the same cases, and the status of one that fails ends the job.
int main(int argc, char** argv) {
  int provided = 0;
  MPI_Init_thread(&argc, &argv, MPI_THREAD_MULTIPLE, &provided);
  const int failures = Catch::Session().run(argc, argv);
  if (failures != 0) MPI_Abort(MPI_COMM_WORLD, 1);
  MPI_Finalize();
  return 0;
}

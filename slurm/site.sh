# shellcheck shell=bash disable=SC2034  # sourced by job.sh, which uses these
# What differs from cluster to cluster. Every job reads this file on its first node, before it starts anything; a variable that
# is set when the job is submitted wins. Partition, account, nodes, GPUs and time are not here: Slurm reads them from the #SBATCH
# lines of each script before any line of it runs. site-examples/ has three whole files; MOSAIC_SITE=FILE takes another than this.

# Modules: those that the programs were built with.
#   module purge
#   module load gcc/12 openmpi/4.1 hdf5/1.14

# Paths. Jobs are submitted from MOSAIC_HOME, the checkout, unless it is set. All but MOSAIC_STAGE are visible on every node.
MOSAIC_BUILD=${MOSAIC_BUILD:-$MOSAIC_HOME/build}                     # holds mosaic_resnet and preprocess
MOSAIC_CONFIG=${MOSAIC_CONFIG:-$MOSAIC_HOME/yamls/resnet50.yaml}     # of resnet50_*.sbatch
MOSAIC_SHARDS=${MOSAIC_SHARDS:-}                                     # what `preprocess pack` wrote; empty: as MOSAIC_CONFIG says
MOSAIC_RUNS=${MOSAIC_RUNS:-$MOSAIC_HOME/runs}                        # a run leaves all that it writes in MOSAIC_RUNS/RUN_NAME

# A folder on a disk of each node, to which MOSAIC_SHARDS is copied before training; empty: shards are read where they are. The
# copy stays, so that the next job finds it; on nodes that nobody cleans take a folder that ends with the job.
MOSAIC_STAGE=${MOSAIC_STAGE:-}                                       # "/local/$USER", "$TMPDIR", "/local/$SLURM_JOB_ID"
MOSAIC_STAGE_VERIFY=${MOSAIC_STAGE_VERIFY:-0}                        # 1: read and decode every image of the copy, too

# Network: the interface on which the nodes reach each other; empty: the libraries choose.
MOSAIC_INTERFACE=${MOSAIC_INTERFACE:-}                               # ib0, eth0, bond0: see `ip -brief address` on a node

# How ranks are started: the MPI plugin of srun (`srun --mpi=list`), more options for srun, and what goes before the program.
MOSAIC_MPI=${MOSAIC_MPI:-pmix}
MOSAIC_SRUN=()                                                       # (--cpu-bind=cores --container-image=...)
MOSAIC_CONTAINER=()                                                  # (apptainer exec --nv /images/mosaic.sif)

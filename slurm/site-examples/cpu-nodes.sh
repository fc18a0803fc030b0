# shellcheck shell=bash disable=SC2034
# Nodes without GPUs, two sockets each: one rank per socket. A scratch disk that the site empties when a job has ended.
# With these options: sbatch --partition=cpu --gpus-per-node=0 --ntasks-per-node=2 --cpus-per-task=32 slurm/...

module load openmpi/4.1 hdf5/1.14

MOSAIC_BUILD=${MOSAIC_BUILD:-$MOSAIC_HOME/build}   # scripts/install --cpu
MOSAIC_CONFIG=${MOSAIC_CONFIG:-$MOSAIC_HOME/yamls/resnet50.yaml}
MOSAIC_SHARDS=${MOSAIC_SHARDS:-$HOME/imagenet-shards}
MOSAIC_RUNS=${MOSAIC_RUNS:-$HOME/runs}
MOSAIC_STAGE=${MOSAIC_STAGE:-/scratch/$SLURM_JOB_ID}
MOSAIC_STAGE_VERIFY=${MOSAIC_STAGE_VERIFY:-1}

MOSAIC_INTERFACE=${MOSAIC_INTERFACE:-}

MOSAIC_MPI=pmix
MOSAIC_SRUN=(--distribution=block:block --cpu-bind=cores)
MOSAIC_CONTAINER=()

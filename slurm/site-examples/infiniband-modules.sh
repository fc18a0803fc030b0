# shellcheck shell=bash disable=SC2034
# GPU nodes with InfiniBand, software as modules, shards on a parallel file system that is fast enough.
# With these lines in the scripts: --partition=gpu --account=... --ntasks-per-node=8 --gpus-per-node=8 --cpus-per-task=12

module purge
module load gcc/12 openmpi/4.1 hdf5/1.14

MOSAIC_BUILD=${MOSAIC_BUILD:-$MOSAIC_HOME/build}
MOSAIC_CONFIG=${MOSAIC_CONFIG:-$MOSAIC_HOME/yamls/resnet50.yaml}
MOSAIC_SHARDS=${MOSAIC_SHARDS:-/lustre/$USER/imagenet-shards}
MOSAIC_RUNS=${MOSAIC_RUNS:-/lustre/$USER/runs}
MOSAIC_STAGE=${MOSAIC_STAGE:-}
MOSAIC_STAGE_VERIFY=${MOSAIC_STAGE_VERIFY:-0}

MOSAIC_INTERFACE=ib0           # NCCL moves gradients by InfiniBand itself; this is where it and MPI meet
export UCX_NET_DEVICES=mlx5_0:1

MOSAIC_MPI=pmix
MOSAIC_SRUN=(--cpu-bind=cores)
MOSAIC_CONTAINER=()

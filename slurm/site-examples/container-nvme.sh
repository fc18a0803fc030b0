# shellcheck shell=bash disable=SC2034
# GPU nodes in a cloud: Ethernet, an Apptainer image that holds the build, shards on a slow shared disk and NVMe in each node.
# With these lines in the scripts: --partition=gpu --ntasks-per-node=8 --gpus-per-node=8 --cpus-per-task=24 --exclusive

MOSAIC_BUILD=/usr/local/bin                   # inside the image of scripts/container/mosaic_resnet.def
MOSAIC_CONFIG=${MOSAIC_CONFIG:-$MOSAIC_HOME/yamls/resnet50.yaml}
MOSAIC_SHARDS=${MOSAIC_SHARDS:-/shared/imagenet-shards}
MOSAIC_RUNS=${MOSAIC_RUNS:-/shared/runs}
MOSAIC_STAGE=${MOSAIC_STAGE:-/nvme/$USER}     # stays for the next job
MOSAIC_STAGE_VERIFY=${MOSAIC_STAGE_VERIFY:-0}

MOSAIC_INTERFACE=eth0

MOSAIC_MPI=pmix                               # the image's Open MPI must be built with PMIx
MOSAIC_SRUN=()
MOSAIC_CONTAINER=(apptainer exec --nv --bind "$MOSAIC_HOME,/shared,/nvme" /shared/images/mosaic.sif)

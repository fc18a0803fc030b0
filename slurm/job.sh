# shellcheck shell=bash
# What all jobs of this folder have in common; the scripts beside it source it and then call `train`, `evaluate` or `prepare`.
#
# A signal to the job (USR1 from --signal before the time limit, TERM from a preemption) is passed on to the program, which saves
# and ends with 85. Then, and only then, the job goes back to the queue, under its number, hence under its run_name:
# with autoresume it continues where it saved. Every other exit code of the program is the job's.
set -euo pipefail
shopt -s inherit_errexit

readonly kSaved=85 kBadInput=3

note() { printf '%s  %s: %s\n' "$(date '+%F %T')" "$SLURM_JOB_NAME" "$*" >&2; }
refuse() { note "$*" && exit "$kBadInput"; }

# ---- the site ----------------------------------------------------------------

site=${MOSAIC_SITE:-$MOSAIC_HOME/slurm/site.sh}
[[ -r $site ]] || refuse "no file $site (MOSAIC_SITE)"
# shellcheck source=slurm/site.sh
source "$site"

if [[ $MOSAIC_INTERFACE ]]; then
  export NCCL_SOCKET_IFNAME=$MOSAIC_INTERFACE OMPI_MCA_btl_tcp_if_include=$MOSAIC_INTERFACE
fi
# When the job must end, in seconds since 1970, for the program to save in time. Newer versions of Slurm set it themselves.
end_time=$(squeue --noheader --job="$SLURM_JOB_ID" --format=%e) || end_time=unknown
if end_time=$(date --date="$end_time" +%s 2>/dev/null); then export SLURM_JOB_END_TIME=$end_time; else unset SLURM_JOB_END_TIME; fi

export SLURM_EXPORT_ENV=ALL  # a job of `sbatch --export=NONE` gives its steps what was set here all the same

# ---- signals -----------------------------------------------------------------

child=    # process id of the srun that is running
stopped=  # the first signal that this job got

on_signal() {
  note "got SIG$1"
  stopped=${stopped:-$1}
  # Always USR1, which srun passes on to its tasks; after a TERM or HUP it would kill them.
  [[ -z $child ]] || kill -s USR1 "$child" 2>/dev/null || true
}
for signal in USR1 USR2 TERM HUP; do
  # shellcheck disable=SC2064  # its name now, not then
  trap "on_signal $signal" "$signal"
done

# supervise SRUN_ARGUMENT...: a step of the job, which is given the above signals; its exit code is in $code.
supervise() {
  [[ -z $stopped ]] || end "$kSaved"  # nothing has begun, nothing is lost
  srun "${MOSAIC_SRUN[@]}" "$@" &
  child=$!
  while :; do  # a signal ends `wait`, the child goes on
    code=0 && wait "$child" || code=$?
    kill -0 "$child" 2>/dev/null || break
  done
  code=0 && wait "$child" || code=$?  # its own code, for whatever reason the loop was left
  child=
  # It died of the signal itself: it was still starting, or it is a program that keeps what it has done at any time.
  if [[ $stopped ]] && ((code == 128 + $(kill -l USR1))); then code=$kSaved; fi
}

# Does every node of the job still start something?
nodes_answer() {
  timeout 60 srun --overlap --nodes="$SLURM_JOB_NUM_NODES" --ntasks="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --mpi=none true 2>/dev/null
}

# End the job with CODE; after kSaved put it into the queue again, unless the batch system has decided otherwise meanwhile.
end() { # CODE
  if (($1 != 0 && $1 != kBadInput && $1 != kSaved)) && [[ -z $stopped ]] && ! nodes_answer; then
    # Slurm requeues a job that has lost a node, but it may take minutes (SlurmdTimeout) to notice. One that has ended until then is
    # not requeued.
    note "exit code $1, and a node does not answer: waiting for Slurm to notice"
    sleep 900 &
    wait $! || true
  fi
  (($1 == kSaved)) || exit "$1"
  local job
  job=$(scontrol --oneliner show job "$SLURM_JOB_ID")
  if [[ $job != *" JobState=RUNNING "* ]]; then
    note "saved; the job is being ended or requeued already"
  elif [[ $job != *" Requeue=1 "* ]]; then
    note "saved; not requeued, as submitted (--no-requeue)"
  else
    note "saved; requeueing"
    scontrol requeue "$SLURM_JOB_ID" || note "scontrol could not requeue the job: submit it again with run_name=$run_name"
  fi
  exit "$1"
}

# ---- what the scripts call ---------------------------------------------------

# The same after a requeue, and the same for all jobs of a chain.
run_name=${MOSAIC_RUN_NAME:-$SLURM_JOB_NAME-$SLURM_JOB_ID}

# mosaic_resnet ARGUMENT...: on all tasks of the job. One that fails would leave the others waiting for it.
mosaic_resnet() {
  supervise --mpi="$MOSAIC_MPI" --kill-on-bad-exit=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" "${MOSAIC_CONTAINER[@]}" \
    "$MOSAIC_BUILD/mosaic_resnet" "$@"
}

# Where the shards are: the settings in the array `data`. With MOSAIC_STAGE each node copies them to its own disk first.
place_data() {
  data=()
  [[ -z $MOSAIC_STAGE || $MOSAIC_SHARDS ]] || refuse "MOSAIC_STAGE is set, but not MOSAIC_SHARDS, which is to be copied there"
  [[ $MOSAIC_SHARDS ]] || return 0
  local shards=$MOSAIC_SHARDS
  if [[ $MOSAIC_STAGE ]]; then
    local summary
    summary=$("${MOSAIC_CONTAINER[@]}" "$MOSAIC_BUILD/preprocess" info "$MOSAIC_SHARDS") || refuse "MOSAIC_SHARDS: $MOSAIC_SHARDS"
    shards=$MOSAIC_STAGE/mosaic-shards-$(sha256sum <<<"$summary" | head -c 16)
    local nodes=$SLURM_JOB_NUM_NODES
    supervise --nodes="$nodes" --ntasks="$nodes" --ntasks-per-node=1 --cpus-per-task=1 "${MOSAIC_CONTAINER[@]}" env EXPECTED="$summary" VERIFY="$MOSAIC_STAGE_VERIFY" \
      "$MOSAIC_HOME/slurm/stage" "$MOSAIC_BUILD/preprocess" "$MOSAIC_SHARDS" "$shards"
    ((code == 0)) || end "$code"
  fi
  data=("train_dataset.path=$shards" "eval_dataset.path=$shards")
}

# Train with MOSAIC_CONFIG, or go on with it. Later settings win over earlier ones, so those of the command line over all.
train() { # SETTING...
  place_data
  mosaic_resnet "$MOSAIC_CONFIG" run_name="$run_name" log_folder="$MOSAIC_RUNS/{run_name}" autoresume=true "${data[@]}" "$@"
  end "$code"
}

# Evaluate the newest checkpoint of a run.
evaluate() { # RUN_FOLDER SETTING...
  [[ -r ${1:-}/config.yaml ]] || refuse "usage: sbatch slurm/evaluate.sbatch RUN_FOLDER [key=value...]; no ${1:-RUN_FOLDER}/config.yaml"
  local run=$1 && shift
  place_data
  mosaic_resnet "$run/config.yaml" is_train=false autoresume=false load_path="$run/checkpoints" \
    log_folder="$run/evaluation-$SLURM_JOB_ID" "${data[@]}" "$@"
  end "$code"
}

# preprocess ARGUMENT...: `pack` on all tasks of the job, which share its work, the other commands on one. It keeps what it has done, so a
# job that is stopped goes back to the queue.
prepare() {
  local step=(--nodes=1 --ntasks=1)
  [[ ${1:-} != pack ]] || step=(--mpi="$MOSAIC_MPI" --kill-on-bad-exit=1)
  supervise "${step[@]}" --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" "${MOSAIC_CONTAINER[@]}" "$MOSAIC_BUILD/preprocess" "$@"
  end "$code"
}

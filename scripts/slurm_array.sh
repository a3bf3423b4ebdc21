#!/usr/bin/env bash
# A sweep as a Slurm job array: every task computes one shard; any number of tasks, any machines,
# one shared file system. A task that was killed is submitted again and goes on where it was.
#
#   sbatch --array=1-16 scripts/slurm_array.sh SWEEP.yaml OUT [options of sim sweep]
#   sim merge OUT -o OUT          # when all tasks are done
#
#SBATCH --job-name=bitjoule-sweep
#SBATCH --cpus-per-task=2
#SBATCH --output=%x-%A-%a.log
set -euo pipefail

if (($# < 2)); then
  echo "usage: sbatch --array=1-N $0 SWEEP.yaml OUT [options of sim sweep]" >&2
  exit 2
fi
sweep=$1
out=$2
shift 2
: "${SLURM_ARRAY_TASK_ID:?is not set: submit with sbatch --array=1-N}"
: "${SLURM_ARRAY_TASK_MAX:?is not set: submit with sbatch --array=1-N}"

exec "${SIM:-sim}" sweep "$sweep" -o "$out" --quiet \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_MAX" --jobs "${SLURM_CPUS_PER_TASK:-1}" "$@"

#!/bin/bash
# A fit as a Slurm array: one task a chain, any of which may be killed and queued again.
#
#   smile fit houses.csv --target price --chains 20 --prepare -o /shared/houses
#   sbatch --array=0-19 slurm.sh /shared/houses
#   smile resume /shared/houses      # when all are done: scores the run (and finishes what is not)
#
#SBATCH --job-name=smile
#SBATCH --cpus-per-task=1
#SBATCH --mem=1G
#SBATCH --time=02:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
#SBATCH --open-mode=append
set -u
run=${1:?usage: sbatch --array=0-N slurm.sh RUN}

# The signal that Slurm sends two minutes before the end reaches the chain, which writes a checkpoint and exits with 2.
smile chain "$run" --index "$SLURM_ARRAY_TASK_ID" &
chain=$!
trap 'kill -TERM "$chain"' TERM
wait "$chain"; code=$?
# A trap ends the first wait early.
while kill -0 "$chain" 2>/dev/null; do wait "$chain"; code=$?; done
[ "$code" -eq 2 ] && exec scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
exit "$code"

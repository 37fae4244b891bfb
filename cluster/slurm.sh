#!/bin/bash
# A search on SLURM: Ray on the job's nodes for as long as the job runs, the search on the first of them.
#
#   sbatch --nodes=4 --gpus-per-node=4 --time=12:00:00 cluster/slurm.sh --trials 200 --name big
#   sbatch --nodes=4 --gpus-per-node=4 --time=12:00:00 cluster/slurm.sh --resume big         after the time limit
#
# In the repository root, with `make env` (EXTRAS=gpu) done there: every node must see this folder. What follows the
# script's name are flags of `python -m search.run`. The run folder is runs/NAME; checkpoints lie in it, unless you give
# --storage-path, then with --resume too. sbatch's own flags go before the script's name; those below are the defaults.
#SBATCH --job-name=fashion-search
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --output=slurm-%j.out
# Three minutes before the time limit: the search stops as after Ctrl-C, keeps all that it found and can be resumed.
#SBATCH --signal=B:TERM@180
set -euo pipefail

project=${SLURM_SUBMIT_DIR:?"cluster/slurm.sh must be started by sbatch. Received: no SLURM_SUBMIT_DIR. Give: sbatch cluster/slurm.sh"}
cd "$project"
[ -x .venv/bin/ray ] || {
    echo "The folder of sbatch must have the environment of \`make env\`. Received: no .venv/bin/ray in $project." \
        "Run \`make env\` there, and sbatch from there." >&2
    exit 2
}
export PATH="$project/.venv/bin:$PATH" RAY_USAGE_STATS_ENABLED=0
# Other users may reach these nodes: nobody without this job's token can run code in its Ray.
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN
RAY_AUTH_TOKEN=$(python -c 'import secrets; print(secrets.token_hex(32))')

mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=${nodes[0]} # this script runs there
ip=$(hostname -I | cut -d' ' -f1)
port=$((20000 + SLURM_JOB_ID % 10000)) # another one for another job on the same node
# No --cpus-per-task: without it a step has all of its node. The shell of each node knows how many cores that is. Each job
# has a temporary folder of its own, /tmp/ray may be another user's; the path is short, since sockets lie in it.
options="--num-cpus=\$SLURM_CPUS_ON_NODE --temp-dir=/tmp/ray-$SLURM_JOB_ID --disable-usage-stats --block"
on() { srun --ntasks-per-node=1 --cpu-bind=none --kill-on-bad-exit=0 "$@" & }

on --nodes=1 --ntasks=1 --nodelist="$head" \
    sh -c "exec ray start --head --node-ip-address=$ip --port=$port --include-dashboard=false $options"
steps=($!)
for _ in {1..60}; do
    ray status --address="$ip:$port" >/dev/null 2>&1 && break
    kill -0 "${steps[0]}" 2>/dev/null || break
    sleep 2
done
ray status --address="$ip:$port" >/dev/null || {
    echo "Ray must start on the first node within two minutes. Received: no answer of $ip:$port on $head. Its messages" \
        "are above; is the port free, and the address the one by which nodes reach each other?" >&2
    exit 4
}
others=$((${#nodes[@]} - 1))
if [ "$others" -gt 0 ]; then
    # `ray start` gives up after 30 s, which a busy node exceeds: three tries
    on --nodes="$others" --ntasks="$others" --exclude="$head" \
        sh -c "for attempt in 1 2 3; do ray start --address=$ip:$port $options && break; done"
    steps+=($!)
fi

python -m search.run --address "$ip:$port" --storage-path "$project/runs" "$@" &
search=$!
trap 'kill -TERM "$search"' TERM INT
code=0
wait "$search" || code=$?
while kill -0 "$search" 2>/dev/null; do # a signal ends `wait`, not the search
    code=0
    wait "$search" || code=$?
done
kill "${steps[@]}" 2>/dev/null || true # srun ends Ray on every node
wait || true
exit "$code"

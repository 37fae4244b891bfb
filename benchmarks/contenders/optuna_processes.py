"""(d) Optuna's own `optimize`, a process a core on one SQLite study, as its documentation runs a study in parallel.

The processes share a GPU, where there is one.
"""

import json
import os
import subprocess
import sys
import tempfile

import optuna

from benchmarks.contenders.plain_fit import arrays, fit
from benchmarks.contenders.told import tell
from benchmarks.jobs import JOBS, Job


def work(job: Job, storage: str) -> None:
    """One of the processes."""
    data = arrays(job)
    study = optuna.load_study(study_name="points", storage=storage)

    def objective(trial: optuna.Trial) -> float:
        point = trial.suggest_int("point", 0, job.configs - 1)
        seconds, accuracy = fit(job.points()[point], job, data)
        trial.set_user_attr("training_seconds", seconds)
        return accuracy

    most = optuna.study.MaxTrialsCallback(job.configs, states=(optuna.trial.TrialState.COMPLETE,))
    while any(trial.state is optuna.trial.TrialState.WAITING for trial in study.get_trials(deepcopy=False)):
        study.optimize(objective, n_trials=1, callbacks=[most])


def main(job: Job) -> None:
    """Queue the points, and let a process a core work on them."""
    with tempfile.TemporaryDirectory() as folder:
        storage = f"sqlite:///{folder}/study.db"
        study = optuna.create_study(study_name="points", storage=storage, direction="maximize")
        for index in range(job.configs):
            study.enqueue_trial({"point": index})
        command = [sys.executable, "-m", "benchmarks.contenders.optuna_processes", job.name, storage]
        # else the first process takes all the memory of a GPU, and the others fail
        sharing = os.environ | {"TF_FORCE_GPU_ALLOW_GROWTH": "true"}
        # a process for which no point is left would draw one more
        count = min(os.cpu_count() or 1, job.configs)
        workers = [subprocess.Popen(command, env=sharing) for _ in range(count)]  # noqa: S603 - ourselves
        codes = [worker.wait() for worker in workers]
        if any(codes):
            raise SystemExit(json.dumps(codes))
        tell([trial.user_attrs["training_seconds"] for trial in study.trials if trial.value is not None])


if __name__ == "__main__":
    if len(sys.argv) > 2:
        work(JOBS[sys.argv[1]], sys.argv[2])
    else:
        main(JOBS[sys.argv[1]])

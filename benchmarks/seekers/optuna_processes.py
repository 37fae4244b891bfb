"""(d) Optuna's own `optimize` with its own sampler and pruner, a process a core on one SQLite study.

The pruning callback is optuna-integration's `KerasPruningCallback` in a few words.
"""

import os
import subprocess
import sys
import tempfile
from typing import Any

import optuna

from benchmarks.seekers.task import Task, tell
from fashion_model.config import REFERENCE
from search.study.space import RefusedPoint, Space


def pruning(trial: optuna.Trial) -> Any:
    """Reports each epoch, and ends the training where the pruner says so."""
    from keras.callbacks import LambdaCallback

    def on_epoch_end(epoch: int, logs: dict[str, float]) -> None:
        trial.report(logs["val_accuracy"], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned(f"after epoch {epoch}")

    return LambdaCallback(on_epoch_end=on_epoch_end)


def work(task: Task, storage: str, seed: int) -> None:
    """One of the processes."""
    from benchmarks.contenders.plain_fit import arrays, fit  # Keras: not for the process that only starts these

    data, space = arrays(task), Space()
    study = optuna.load_study(study_name="search", storage=storage, sampler=optuna.samplers.TPESampler(seed=seed))

    def objective(trial: optuna.Trial) -> float:
        accuracy = fit(space.suggest(trial), task, data, [pruning(trial)])[1]
        tell(accuracy)
        return accuracy

    study.optimize(objective, catch=(RefusedPoint,))


def main(task: Task) -> None:
    """Search until killed."""
    storage = f"sqlite:///{tempfile.mkdtemp()}/study.db"
    study = optuna.create_study(study_name="search", storage=storage, direction="maximize")
    study.enqueue_trial(Space().parameters_of(REFERENCE) or {})
    command = [sys.executable, "-m", "benchmarks.seekers.optuna_processes", *task.arguments(), storage]
    cores = os.cpu_count() or 1
    seeds = [str(task.seed * cores + index) for index in range(cores)]
    workers = [subprocess.Popen([*command, seed]) for seed in seeds]  # noqa: S603 - ourselves
    raise SystemExit(max(worker.wait() for worker in workers))


if __name__ == "__main__":
    if len(sys.argv) > 4:
        work(Task.of(sys.argv[1:4]), sys.argv[4], int(sys.argv[5]))
    else:
        main(Task.of(sys.argv[1:]))

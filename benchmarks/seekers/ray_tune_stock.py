"""(b) Ray Tune with its own OptunaSearch, Keras callback and ASHA, as Ray's documentation writes it, one trial a core.

docs.ray.io, "Using Keras & TensorFlow with Tune" and "Running Tune experiments with Optuna". A define-by-run space has
no word for a point that costs too much, so such a trial fails in its process, before it loads TensorFlow.
"""

import sys
import tempfile
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import AsyncHyperBandScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.seekers.task import Task, tell
from fashion_model.config import REFERENCE
from search.study.space import RefusedPoint, Space


def space(trial: Any) -> dict[str, Any]:
    """OptunaSearch's define-by-run function."""
    try:
        return {"config": Space().suggest(trial).to_dict()}
    except RefusedPoint as refused:
        return {"refused": str(refused)}


def train(point: dict[str, Any], task: Task) -> None:
    """One trial, in a process of its own."""
    if "refused" in point:
        raise RefusedPoint(point["refused"])
    from ray.tune.integration.keras import TuneReportCheckpointCallback

    from benchmarks.contenders.plain_fit import arrays, fit
    from fashion_model.config import TrainConfig

    callback = TuneReportCheckpointCallback(metrics={"accuracy": "val_accuracy"})
    fit(TrainConfig.from_dict(point["config"]), task, arrays(task), [callback])


class Teller(tune.Callback):
    """Tells of trials after their last epoch."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:
        """See ray.tune.Callback."""
        if result["training_iteration"] == self._epochs:
            tell(result["accuracy"])


def main(task: Task) -> None:
    """Search until killed."""
    reference = Space().parameters_of(REFERENCE) or {}
    ray.init("local", include_dashboard=False, log_to_driver=False)
    tune.Tuner(
        tune.with_resources(tune.with_parameters(train, task=task), {"cpu": 1}),
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            search_alg=OptunaSearch(
                space, metric="accuracy", mode="max", points_to_evaluate=[reference], seed=task.seed
            ),
            scheduler=AsyncHyperBandScheduler(max_t=task.epochs),
            num_samples=-1,
            max_concurrent_trials=int(ray.cluster_resources()["CPU"]),
        ),
        run_config=tune.RunConfig(storage_path=tempfile.mkdtemp(), verbose=0, callbacks=[Teller(task.epochs)]),
    ).fit()


if __name__ == "__main__":
    main(Task.of(sys.argv[1:]))

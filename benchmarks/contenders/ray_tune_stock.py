"""(b) Ray Tune with its own OptunaSearch and Keras callback, as Ray's documentation writes it.

docs.ray.io, "Using Keras & TensorFlow with Tune" and "Running Tune experiments with Optuna": a function trainable that
loads its data, `TuneReportCheckpointCallback`, one trial a core; where there are GPUs, one trial a GPU.
"""

import sys
import tempfile
from typing import Any

import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from benchmarks.contenders.told import tell
from benchmarks.jobs import JOBS, Job


def train(config: dict[str, Any], job: Job) -> None:
    """One trial, in a process of its own."""
    from ray.tune.integration.keras import TuneReportCheckpointCallback

    from benchmarks.contenders.plain_fit import arrays, fit

    callback = TuneReportCheckpointCallback(metrics={"accuracy": "val_accuracy"})
    seconds, accuracy = fit(job.points()[config["point"]], job, arrays(job), [callback])
    tune.report({"accuracy": accuracy, "training_seconds": seconds})


def main(job: Job) -> None:
    """Every configuration once."""
    ray.init("local", include_dashboard=False, log_to_driver=False)
    room = ray.cluster_resources()
    slots = int(room.get("GPU", room["CPU"]))
    each = {"cpu": room["CPU"] // slots, "gpu": 1.0 if "GPU" in room else 0.0}
    points = [{"point": index} for index in range(job.configs)]
    with tempfile.TemporaryDirectory() as folder:
        results = tune.Tuner(
            tune.with_resources(tune.with_parameters(train, job=job), each),
            param_space={"point": tune.choice(range(job.configs))},
            tune_config=tune.TuneConfig(
                metric="accuracy",
                mode="max",
                search_alg=OptunaSearch(points_to_evaluate=points),
                num_samples=job.configs,
                max_concurrent_trials=slots,
            ),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()
    tell(results.get_dataframe()["training_seconds"].tolist())


if __name__ == "__main__":
    main(JOBS[sys.argv[1]])

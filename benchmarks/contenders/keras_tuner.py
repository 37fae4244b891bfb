"""(c) KerasTuner: a `HyperModel` and its grid search over the points, one after another on all cores."""

import sys
import tempfile
from typing import Any

import keras_tuner

from benchmarks.contenders.plain_fit import arrays, fit
from benchmarks.contenders.told import tell
from benchmarks.jobs import JOBS, Job


def main(job: Job) -> None:
    """Every configuration once."""
    data, seconds = arrays(job), []

    class Points(keras_tuner.HyperModel):  # type: ignore[misc]
        """A network for each point; KerasTuner calls `build`, then `fit`."""

        def build(self, hp: Any) -> Any:
            from fashion_model.model import build_model
            from fashion_model.task import FASHION_MNIST

            return build_model(job.points()[hp.Choice("point", list(range(job.configs)))], FASHION_MNIST)

        def fit(self, hp: Any, model: Any, *arguments: Any, callbacks: Any = None, **options: Any) -> float:
            spent, accuracy = fit(job.points()[hp.get("point")], job, data)
            seconds.append(spent)
            return -accuracy

    with tempfile.TemporaryDirectory() as folder:
        tuner = keras_tuner.GridSearch(Points(), objective=None, directory=folder, project_name="points")
        tuner.search(verbose=0)
    tell(seconds)


if __name__ == "__main__":
    main(JOBS[sys.argv[1]])

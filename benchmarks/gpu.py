"""What one GPU does with this service, and what it could do: in four parts that run alone and go on where they stopped.

    python -m benchmarks.gpu --part loop      the service's epoch, a bare XLA loop, the documented script
    python -m benchmarks.gpu --part trial     20 random points of the space, one epoch each, nothing compiled before
    python -m benchmarks.gpu --part search    a default search of 50 trials with its report, in runs/ beside gpu.json
    python -m benchmarks.gpu --part rivals    a job of short trainings through others, and through the service

A part ends after --seconds, with what it has; the same command measures what is missing. A case that fails is left
out. Without a GPU nothing is measured, and a line says so; --try runs the commands on a CPU, for their own sake.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np
import tensorflow as tf

from benchmarks.jobs import JOBS
from benchmarks.record import FOLDER, save, table
from benchmarks.throughput import side_by_side
from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.published import find_source
from fashion_model.data.splits import Split, TrainingSplits, load_training
from fashion_model.model import build_model, build_optimizer
from fashion_model.task import FASHION_MNIST
from fashion_model.training.devices import prepare_device
from fashion_model.training.training import Budget, Training

_EPOCHS: Final = 3
_POINTS: Final = 20
_THREE_BLOCKS: Final = TrainConfig(
    conv_blocks=3, padding="same", batch_norm=True, conv_dropout=0.1, optimizer="adamw", learning_rate=3e-3,
    weight_decay=1e-3, schedule="cosine", batch_size=64,
)  # fmt: skip
_NETWORKS: Final = {
    "reference, batch 32": REFERENCE,
    "reference, batch 256": replace(REFERENCE, batch_size=256),
    "three blocks, batch 64": _THREE_BLOCKS,
    "three blocks, batch 256": replace(_THREE_BLOCKS, batch_size=256),
    "three blocks, batch 256, bfloat16": replace(_THREE_BLOCKS, batch_size=256, precision="mixed_bfloat16"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One case: its `seconds`, the `images` trained on in them, and the `first_seconds` of an epoch that compiles."""

    part: str
    case: str
    seconds: float
    first_seconds: float = 0.0
    images: int = 0

    def row(self) -> tuple[str, ...]:
        """A row of the table."""
        rate = f"{self.images / self.seconds:,.0f}" if self.images else ""
        return self.part, self.case, f"{self.first_seconds:.2f}", f"{self.seconds:.2f}", rate


@dataclass(frozen=True, slots=True)
class Figures:
    """All that was measured."""

    cases: tuple[Measured, ...]

    def table(self) -> str:
        """As Markdown."""
        header = ("part", "case", "first epoch, s", "seconds", "images/s")
        return table(header, [case.row() for case in self.cases])


Case = tuple[str, Callable[[], Measured]]


def loop(splits: TrainingSplits) -> Iterator[Case]:
    """Each network in the service, then in a bare loop, then the documented script. What XLA has tuned for the service
    it need not tune again in this process: the bare loop's first epoch may be the shorter for it."""
    _wake(splits.train)
    for name, config in _NETWORKS.items():
        yield f"service: {name}", partial(_service, config, splits.train)
        yield f"bare loop: {name}", partial(_bare, config, splits.train)
    yield "documented script", partial(_documented, splits.train)


def _wake(split: Split) -> None:
    """Train a small network: to load CUDA's libraries takes seconds, which are no case's."""
    few = Split(split.images[:64], split.labels[:64], split.task)
    list(Training(TrainConfig(conv_blocks=1, base_filters=8, dense_units=8), few, Budget(1, 0)).run(None))


def _epochs(seconds: Iterator[float], images: int) -> Measured:
    first, *others = seconds
    return Measured(part="loop", case="", first_seconds=first, seconds=min(others), images=images)


def _service(config: TrainConfig, split: Split) -> Measured:
    results = Training(config, split, Budget(_EPOCHS, 0)).run(None)
    return _epochs((epoch.train_seconds for epoch in results), len(split))


def _bare(config: TrainConfig, split: Split) -> Measured:
    """Everything on the device, without metrics and without the last, shorter batch."""
    keras.utils.set_random_seed(0)
    model, steps = build_model(config, split.task), len(split) // config.batch_size
    optimizer, loss = build_optimizer(config), keras.losses.SparseCategoricalCrossentropy()
    optimizer.build(model.trainable_variables)
    images, labels = tf.constant(split.images), tf.constant(split.labels.astype("int32"))

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def epoch(order: Any) -> Any:
        total = 0.0
        for step in tf.range(steps):
            batch = tf.cast(tf.gather(images, order[step]), tf.float32)[..., None] / 255.0
            with tf.GradientTape() as tape:
                value = loss(tf.gather(labels, order[step]), model(batch, training=True))
            weights = model.trainable_variables
            optimizer.apply(tape.gradient(value, weights), weights)
            total += value
        return total / float(steps)

    def seconds(number: int) -> float:
        order = np.random.default_rng(number).permutation(len(split))[: steps * config.batch_size]
        start = time.perf_counter()
        float(epoch(tf.constant(order.reshape(steps, -1).astype("int32"))))
        return time.perf_counter() - start

    return _epochs((seconds(number) for number in range(_EPOCHS)), steps * config.batch_size)


def _documented(split: Split) -> Measured:
    """`fit` on arrays, as a user writes it."""
    model = build_model(REFERENCE, FASHION_MNIST)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    images = split.images[..., None] / np.float32(255)

    def seconds() -> float:
        start = time.perf_counter()
        model.fit(images, split.labels, batch_size=32, verbose=0)
        return time.perf_counter() - start

    return _epochs((seconds() for _ in range(_EPOCHS)), len(split))


def trial(splits: TrainingSplits) -> Iterator[Case]:
    """Random points of the space that a search here draws from, each for one epoch with its validation; `seconds` are
    those of the whole trial."""
    import optuna

    from search.study.space import RefusedPoint, Space, usual_size

    _wake(splits.train)
    space = Space(splits.train.task, usual_size(len(tf.config.list_physical_devices("GPU"))))
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    number = 0
    while number < _POINTS:
        try:
            config = space.suggest(study.ask())
        except RefusedPoint:
            continue
        yield f"point {number}", partial(_one_epoch, config, splits)
        number += 1


def _one_epoch(config: TrainConfig, splits: TrainingSplits) -> Measured:
    start = time.perf_counter()
    (epoch,) = Training(config, splits.train, Budget(1, 0)).run(splits.validation)
    seconds = time.perf_counter() - start
    return Measured(part="trial", case="", first_seconds=epoch.train_seconds, seconds=seconds, images=len(splits.train))


def rivals(splits: TrainingSplits) -> Iterator[Case]:
    """The job `short` through each, in processes of their own; the slowest last, for which there may be no time."""
    for contender in ("documented_script", "service", "optuna_processes", "ray_tune_stock"):
        yield contender, partial(_short_job, contender)


def _short_job(contender: str) -> Measured:
    (runs,) = side_by_side(JOBS["short"], [contender], 1)
    return Measured(part="rivals", case="", seconds=runs.seconds[0])


def search(folder: Path, seconds: float) -> Measured | None:
    """A default search; None where it did not end in time: then it goes on with the next call."""
    run = folder / "runs" / "gpu-search"
    run.parent.mkdir(parents=True, exist_ok=True)
    spent, is_begun = run.with_suffix(".seconds"), (run / "config.json").exists()
    before = float(spent.read_text(encoding="utf-8")) if is_begun and spent.exists() else 0.0
    fresh = ["--trials", "50", "--seed", "11", "--output", str(run.parent), "--name", run.name]
    command = [sys.executable, "-m", "search.run", "--no-progress", *(["--resume", str(run)] if is_begun else fresh)]
    start = time.perf_counter()
    process = subprocess.Popen(command)  # noqa: S603 - our own module
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        code = process.wait()
    total = before + time.perf_counter() - start
    spent.write_text(str(total), encoding="utf-8")
    if code:
        print(f"search: exit code {code}. The same command goes on with it.", file=sys.stderr)
        return None
    return Measured(part="search", case="50 trials, finalists, report", seconds=total)


_PARTS: Final = {"loop": loop, "trial": trial, "rivals": rivals}


def measure(part: str, splits: TrainingSplits, known: Figures, deadline: float) -> Iterator[Measured]:
    """The cases of a part that are not known yet, until the deadline (time.monotonic); those that fail are left out."""
    done = {(case.part, case.case) for case in known.cases}
    for name, case in _PARTS[part](splits):
        if (part, name) in done:
            continue
        if time.monotonic() > deadline:
            print(f"{part}: the time is up. The same command goes on with: {name}", file=sys.stderr)
            return
        try:
            measured = case()
        except Exception:  # a GPU may not be had a second time: the cases after it are measured
            print(f"{part}: {name} failed, and is left out:\n{traceback.format_exc()}", file=sys.stderr)
        else:
            yield replace(measured, part=part, case=name)


def read(file: Path) -> Figures:
    """What an earlier call measured."""
    if not file.exists():
        return Figures(())
    cases = json.loads(file.read_text(encoding="utf-8"))["result"]["cases"]
    return Figures(tuple(Measured(**case) for case in cases))


def main(arguments: list[str] | None = None) -> None:
    """Measure what is missing of a part, and keep it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--part", choices=[*_PARTS, "search"], required=True)
    parser.add_argument("--seconds", type=float, default=130.0)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where gpu.json lies")
    parser.add_argument("--train-size", type=int, help="fewer images than all, for loop and trial")
    parser.add_argument("--try", dest="anyway", action="store_true", help="also without a GPU")
    asked = parser.parse_args(arguments)
    details = map(tf.config.experimental.get_device_details, tf.config.list_physical_devices("GPU"))
    gpus = [each.get("device_name", "GPU") for each in details]
    if not gpus and not asked.anyway:
        print("This benchmark needs a GPU that TensorFlow sees. There is none: nothing was measured.")
        return
    deadline, figures = time.monotonic() + asked.seconds, read(asked.folder / "gpu.json")
    if asked.part == "search":
        is_known = any(case.part == "search" for case in figures.cases)
        ended = None if is_known else search(asked.folder, asked.seconds)
        found = iter([ended] if ended else [])
    else:
        prepare_device()
        splits = load_training(find_source(), seed=0, size=asked.train_size)
        found = measure(asked.part, splits, figures, deadline)
    for case in found:
        figures = Figures((*figures.cases, case))
        print(case.row(), flush=True)
        save("gpu", figures, figures.table(), asked.folder, gpus)
    print(figures.table())


if __name__ == "__main__":
    main()

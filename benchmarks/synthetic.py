"""Searches of trials that are computed, not trained: which points, which are stopped, and how good the best is.

    python -m benchmarks.synthetic --out before.json        20 seeds, 60 trials, 8 at a time, some minutes
    python -m benchmarks.synthetic --compare before.json    the same with the code as it is now, seed by seed

For a change that must not change a search, or not make it worse. The study is real, with its database.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path
from typing import Any, Final

from benchmarks.contenders.points import Silent
from fashion_model.config import TrainConfig
from reports.records import Work
from search.command.settings import Settings
from search.study.open_study import FixedSettings, StudySpec, open_study
from search.study.storage.database import Database, sqlite_url
from search.study.storage.lock import StudyLock

_EPOCHS: Final = 9
_SEEDS: Final = 20


def quality(config: TrainConfig) -> float:
    """A made-up accuracy: smooth in most parameters, with a best point inside of the space."""
    rate = config.learning_rate / (30 if config.optimizer == "sgd" else 1)
    return (
        0.9
        - 0.02 * (math.log10(rate) + 3) ** 2
        - 0.00004 * abs(config.dense_units - 128)
        - 0.01 * abs(config.conv_blocks - 2)
        - 0.03 * config.conv_dropout
        - 0.0002 * abs(config.base_filters - 32)
        + 0.01 * config.batch_norm
        + 0.004 * (config.activation == "silu")
        + 0.004 * (config.augmentation == "flip")
    )


def search(seed: int, trials: int, slots: int) -> dict[str, Any]:
    """One search: its points by trial, how each trial ended, the best quality and the mean of the last third."""
    with tempfile.TemporaryDirectory(prefix="synthetic-") as folder:
        database = Database(sqlite_url(Path(folder) / "study.db"))
        fixed = FixedSettings.of(Settings(name="s", epochs=_EPOCHS, seed=seed), "no images")
        lock = StudyLock(database, "s")
        study = open_study(
            StudySpec(name="s", database=database, folder=Path(folder), lock=lock, fixed=fixed), Silent()
        )
        running: list[tuple[int, int, TrainConfig]] = []
        points: list[dict[str, Any]] = []
        while study.counts.ended() < trials:
            while len(running) < slots and study.left(trials) > 0:
                asked = study.ask()
                running.append((asked.number, 1, asked.config))
                points.append(asked.config.to_dict())
            number, epoch, config = running.pop(0)
            stops = study.report(number, epoch, quality(config) * (1 - 0.5**epoch))
            if stops or epoch == _EPOCHS:
                study.finish(number, Work(), pruned=epoch < _EPOCHS)
            else:
                running.append((number, epoch + 1, config))
        study.close()
    found = [quality(TrainConfig.from_dict(point)) for point in points]
    records = [(record.number, record.status, record.reason) for record in study.records()]
    return {"points": points, "records": records, "best": max(found), "last": statistics.mean(found[-trials // 3 :])}


def main() -> None:
    """Search, print, and save or compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--slots", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=_SEEDS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--compare", type=Path)
    arguments = parser.parse_args()
    now = [search(seed, arguments.trials, arguments.slots) for seed in range(arguments.seeds)]
    before = json.loads(arguments.compare.read_text(encoding="utf-8")) if arguments.compare else []
    for seed, (here, there) in enumerate(zip(json.loads(json.dumps(now)), before, strict=False)):
        print(f"seed {seed}: {_difference(here, there)}")
    for name, searches in (("before", before), ("now", now)):
        for figure in ("best", "last") if searches else ():
            values = [each[figure] for each in searches]
            print(f"{name}, {figure}: {statistics.mean(values):.5f} ± {statistics.stdev(values):.5f}")
    if arguments.out:
        arguments.out.write_text(json.dumps(now), encoding="utf-8")


def _difference(here: dict[str, Any], there: dict[str, Any]) -> str:
    pairs = enumerate(zip(here["points"], there["points"], strict=True))
    first = next((number for number, (ours, theirs) in pairs if not _equal(ours, theirs)), None)
    points = "the same points" if first is None else f"another point from trial {first}"
    return f"{points}, {'the same' if here['records'] == there['records'] else 'other'} ends"


def _equal(ours: dict[str, Any], theirs: dict[str, Any]) -> bool:
    """Whether two points are equal in what both have, but for the last bits of their numbers."""
    return all(
        math.isclose(ours[name], theirs[name], rel_tol=1e-9)
        if isinstance(ours[name], float)
        else ours[name] == theirs[name]
        for name in ours.keys() & theirs.keys()
    )


if __name__ == "__main__":
    main()

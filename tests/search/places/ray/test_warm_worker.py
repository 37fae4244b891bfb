"""A trial on a worker that has served others is, bit for bit, the trial that a fresh process makes of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fashion_model.config import TrainConfig
from fashion_model.data.splits import TrainingSplits
from tests.processes import python

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # three processes that load TensorFlow

# Trials one after another on one worker, as Ray calls it. argv: the images, a folder, and [lineage, configuration] of
# each as JSON. Prints for each the hash of all that it had learned before its last epoch (weights, their averages,
# optimizer, random states, losses and accuracies) and its validation accuracies.
IN_A_PROCESS = """
import hashlib, json, sys
from dataclasses import asdict
import numpy as np
from fashion_model.training.checkpoint import Snapshot
from fashion_model.config import TrainConfig
from fashion_model.data.splits import Split, TrainingSplits
from cluster.resources import TrialResources
from search.worker.assignment import ASSIGNMENT, Candidate, Report, TrialPlan, trial_key
from search.worker.checkpoints import CheckpointStore
from search.places.ray.worker import TrialWorker, WorkerSetup

images = np.load(sys.argv[1])
splits = TrainingSplits(*(Split(images[f"arr_{first}"], images[f"arr_{first + 1}"]) for first in (0, 2)), "")
plan = TrialPlan(trials=9, epochs=3, seed=5)
worker = WorkerSetup(CheckpointStore(sys.argv[2]), TrialResources(1.0, 0.0))

class Worker(TrialWorker):
    def setup(self, config):
        super().setup(config, splits, worker)

def learned(lineage):
    snapshot = Snapshot.from_bytes(worker.store.of(trial_key(lineage)).load())
    digest = hashlib.sha256()
    for name, array in sorted(snapshot.arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}".encode() + array.tobytes())
    for result in snapshot.results:
        numbers = {name: value for name, value in asdict(result).items() if "seconds" not in name}
        digest.update(repr(sorted(numbers.items())).encode())
    return digest.hexdigest()

warm, told = None, []
for lineage, config in json.loads(sys.argv[3]):
    trial = {ASSIGNMENT: plan.assignment(Candidate(lineage, lineage, TrainConfig.from_dict(config)))}
    if warm is None:
        warm = Worker(trial)
    else:
        assert warm.reset(trial)
    accuracies = []
    while not (accuracies and result["done"]):
        result = warm.train()
        accuracies.append(Report.from_result(result).value)
    told.append([learned(lineage), accuracies])
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def trials(tiny_config: TrainConfig) -> list[TrainConfig]:
    """What the next trial could inherit: 16-bit policies, averaged weights, statistics, random states, names."""
    busy = replace(tiny_config, dense_dropout=0.2, conv_dropout=0.1, batch_norm=True, augmentation="flip_shift")
    averaged = replace(busy, use_ema=True, ema_momentum=0.9, schedule="one_cycle", activation="silu")
    return [
        replace(averaged, precision="mixed_bfloat16", optimizer="rmsprop"),
        replace(averaged, precision="mixed_float16", label_smoothing=0.1, augmentation="cutout"),
        replace(busy, optimizer="adamw", weight_decay=0.01),
    ]


def test_a_trial_learns_the_same_bits_on_a_worker_that_served_others_as_in_a_fresh_process(
    trials: list[TrainConfig], tiny_splits: TrainingSplits, tmp_path: Path
) -> None:
    parts = (tiny_splits.train, tiny_splits.validation)
    np.savez(tmp_path / "images.npz", *(array for part in parts for array in (part.images, part.labels)))
    assigned = [(lineage, config.to_dict()) for lineage, config in enumerate(trials)]

    def told(name: str, trials: list[tuple[int, dict[str, object]]]) -> list[list[object]]:
        done = python("-c", IN_A_PROCESS, tmp_path / "images.npz", tmp_path / name, json.dumps(trials))
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout.splitlines()[-1]))

    warm = told("warm", assigned)
    assert len({digest for digest, _ in warm}) == len(trials)
    for trial in assigned[1:]:
        assert told(f"fresh-{trial[0]}", [trial]) == [warm[trial[0]]]

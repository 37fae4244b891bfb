"""The trainings outside the study: those that the run has kept are loaded, the others are made where there is place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from fashion_model.config import TrainConfig
from search.places.place import Place
from search.run_folder.kept_trainings import KeptTrainings
from search.worker.assignment import Assignment
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import Fault
from search.worker.training_run import FinishedTraining, Images


@dataclass(frozen=True, slots=True)
class Trainer:
    """Trains what is not in `kept` at `place`, which is asked for only if there is anything to train.

    `on_start` hears which trainings are to be made now.
    """

    kept: KeptTrainings
    place: Callable[[], Place]
    store: CheckpointStore
    on_start: Callable[[Sequence[Assignment]], None] = lambda assignments: None

    def run(
        self, assignments: Sequence[Assignment], images: Callable[[], Images], on_done: Callable[[Assignment], None]
    ) -> list[FinishedTraining | Fault]:
        """Make the trainings that are not kept. Results in the order of the assignments; `on_done` is called for each.

        A fault is not kept: resuming tries that training again.

        Raises:
            SearchBroken: when the place cannot train.
            OSError: when a result cannot be written.
        """
        ended: dict[str, FinishedTraining | Fault] = {}

        def keep(assignment: Assignment, result: FinishedTraining | Fault) -> None:
            if isinstance(result, FinishedTraining):
                self.kept.save(assignment.key, result)
                self.store.remove(assignment.key)
            ended[assignment.key] = result
            on_done(assignment)

        for assignment in assignments:
            finished = self.kept.load(assignment.key)
            if finished is not None:
                ended[assignment.key] = finished
                on_done(assignment)
        left = [assignment for assignment in assignments if assignment.key not in ended]
        if left:
            self.on_start(left)
            self.place().run_trainings(left, images(), keep)
        return [ended[assignment.key] for assignment in assignments]


def outside_the_study(
    label: str, config: TrainConfig, epochs: int, seed: int, *, data: str, keep_model: bool
) -> Assignment:
    """A training of a finalist or a final; `data` says what it is trained and scored on.

    Its key is the same for the same training and score, whatever it is called: 16 hexadecimal digits.
    """
    terms = {"label": "", "config": asdict(config), "epochs": epochs, "seed": seed}
    terms |= {"keep_model": keep_model, "data": data}
    key = hashlib.sha256(json.dumps(terms, sort_keys=True).encode()).hexdigest()[:16]
    return Assignment(label=label, key=key, config=config, epochs=epochs, seed=seed, keep_model=keep_model)

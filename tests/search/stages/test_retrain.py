"""The finals: both models on the same seeds, kept and scored, and one that fails ends the search."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import numpy as np
import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.data.splits import Split, TrainingSplits
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST
from reports.records import FinalistScore, TrialRecord, Winner, load_record
from search.command.terminal.progress import Progress
from search.stages.data import Data
from search.stages.retrain import retrain
from search.stages.run import Finalist, Run
from search.stages.trainer import outside_the_study
from search.worker.assignment import Assignment
from search.worker.faults import Cause, Fault, SearchBroken
from search.worker.seeds import Stream, derive

from ..somewhere import STARTED, Somewhere, result
from .conftest import InMemory, TrainerAt

BEST = Finalist(3, 0.9, replace(REFERENCE, dense_units=64))
SEEDS = tuple(derive(5, Stream.FINAL, index) for index in range(2))


class Failing(Somewhere):
    """A place where the second training of the best fails."""

    def outcome(self, assignment: Assignment) -> Fault | None:
        return Fault(Cause.HOST_MEMORY, "the system killed it") if assignment.label == "best 2" else None


@pytest.fixture
def data(tiny_splits: TrainingSplits) -> Data:
    """The tiny images, and forty to test on."""
    test = Split(tiny_splits.train.images[:40], tiny_splits.train.labels[:40])
    return Data(InMemory(tiny_splits.together(), test), tiny_splits)


def test_both_models_are_trained_on_the_same_seeds_and_every_model_is_kept(
    run: Run, trainer_at: TrainerAt, data: Data
) -> None:
    place = Somewhere()
    found = retrain(run, trainer_at(place), data, BEST)
    scored_on = f"test set, trained on all of split {data.splits.sha256}; the model takes images from 0 to 255"
    assert place.asked[::-1] == [
        outside_the_study(f"{name} {index + 1}", config, 3, SEEDS[index], data=scored_on, keep_model=True)
        for index in range(2)
        for name, config in (("reference", REFERENCE), ("best", BEST.config))
    ]
    assert place.images is not None
    assert (len(place.images.train), len(place.images.held_out)) == (260, 40)
    assert [(final.model, final.train.seed, final.model_file) for final in run.finals] == [
        ("reference", SEEDS[0], "models/reference-1.keras"),
        ("reference", SEEDS[1], "models/reference-2.keras"),
        ("best", SEEDS[0], "models/best-1.keras"),
        ("best", SEEDS[1], "models/best-2.keras"),
    ]
    for final in run.finals:
        assert (final.work.worker, final.work.node, final.work.gpus) == (f"host:{final.train.seed}", "ab", ("0", "1"))
        assert (final.work.started, final.work.seconds) == (STARTED, 90.5)
        assert hashlib.sha256((run.folder.path / final.model_file).read_bytes()).hexdigest() == final.model_sha256
        assert final.takes_pixels
    assert found.images.shape == (40, 28, 28)


@pytest.mark.parametrize("config", [BEST.config, REFERENCE], ids=["another network", "the reference"])
def test_the_winner_is_left_as_the_model_of_its_first_seed_and_as_best_json(
    run: Run, trainer_at: TrainerAt, data: Data, config: TrainConfig
) -> None:
    scores = {"seeds": (1, 2), "fresh_values": (0.9, 0.8), "seconds": 1.0, "cpu_seconds": 1.0}
    run.scores = tuple(FinalistScore(trial=n, search_value=0.5 + n / 10, **scores) for n in (2, 3))  # type: ignore[arg-type]
    retrain(run, trainer_at(Somewhere()), data, replace(BEST, config=config))
    kept = run.folder.path / "models" / "best.keras"
    first = run.finals[2]
    assert (first.model, first.train.seed) == ("best", SEEDS[0])
    assert kept.read_bytes() == (run.folder.path / first.model_file).read_bytes()
    winner = load_record(Winner, run.folder.path / "best.json", 1, "the winner", "")
    assert winner == Winner(
        study="s",
        trial=3,
        config=config,
        validation_accuracy=(0.9 + 0.8) / 2,
        test_accuracy=(0.9 + 0.9) / 2,
        seeds=SEEDS,
        test_accuracies=(0.9, 0.9),
        model_file="models/best.keras",
        model_sha256=hashlib.sha256(kept.read_bytes()).hexdigest(),
        task=FASHION_MNIST,
    )


def test_a_best_that_costs_more_is_compared_with_a_reference_of_equal_compute(
    run: Run, trainer_at: TrainerAt, data: Data
) -> None:
    wide, place = replace(REFERENCE, base_filters=48), Somewhere()
    found = retrain(run, trainer_at(place), data, replace(BEST, config=wide))
    costs = [network_of(config, run.task).multiply_adds for config in (wide, REFERENCE)]
    assert round(3 * costs[0] / costs[1]) == 6
    more = [assignment for assignment in place.asked if assignment.epochs != 3]
    assert [(each.config, each.epochs, each.seed) for each in more[::-1]] == [(REFERENCE, 6, seed) for seed in SEEDS]
    assert [(final.model, final.train.seed) for final in run.equal_compute] == [("reference", s) for s in SEEDS]
    assert found.equal_compute.shape == found.reference.shape
    assert [(final.model, final.train.seed) for final in run.finals] == [
        (name, seed) for name in ("reference", "best") for seed in SEEDS
    ]
    for config in (replace(REFERENCE, base_filters=24), REFERENCE):
        place = Somewhere()
        found = retrain(run, trainer_at(place), data, replace(BEST, config=config))
        assert (run.equal_compute, len(found.equal_compute)) == ((), 0)


def test_the_fronts_knee_is_retrained_as_the_others_are(run: Run, trainer_at: TrainerAt, data: Data) -> None:
    cheap, wide = replace(REFERENCE, base_filters=16), replace(REFERENCE, base_filters=40)
    values = ((REFERENCE, 0.89), (cheap, 0.80), (wide, 0.90))
    run.trials = tuple(
        TrialRecord(
            number=number, status="COMPLETE", reason="", config=config, value=value, measurements=(),
            is_reference=config == REFERENCE, ended="",
        )
        for number, (config, value) in enumerate(values)
    )  # fmt: skip
    run.settings = replace(run.settings, objective="accuracy,cost", pruner="none")
    narrow = replace(REFERENCE, base_filters=24)
    for best, at_knee, trained in (
        (wide, REFERENCE, []),
        (wide, narrow, [("knee", seed, f"models/knee-{i}.keras") for i, seed in enumerate(SEEDS, start=1)]),
        (narrow, narrow, []),
        (REFERENCE, narrow, [("knee", seed, f"models/knee-{i}.keras") for i, seed in enumerate(SEEDS, start=1)]),
    ):
        run.trials = (replace(run.trials[0], config=at_knee), *run.trials[1:])
        found = retrain(run, trainer_at(Somewhere()), data, replace(BEST, config=best))
        assert [(final.model, final.train.seed, final.model_file) for final in run.knee] == trained
        assert len(found.knee) == len(trained)
        assert [final.model for final in run.finals] == ["reference", "reference", "best", "best"]
    run.settings = replace(run.settings, objective="accuracy")
    assert len(retrain(run, trainer_at(Somewhere()), data, replace(BEST, config=wide)).knee) == 0


def test_equal_compute_takes_at_most_ten_times_the_epochs(run: Run, trainer_at: TrainerAt, data: Data) -> None:
    place = Somewhere()
    retrain(run, trainer_at(place), data, replace(BEST, config=replace(REFERENCE, base_filters=256)))
    assert max(assignment.epochs for assignment in place.asked) == 30


def test_where_the_reference_is_the_best_it_is_trained_once_and_stands_for_both(
    run: Run, trainer_at: TrainerAt, data: Data
) -> None:
    place = Somewhere()
    found = retrain(run, trainer_at(place), data, replace(BEST, config=REFERENCE))
    assert [assignment.label for assignment in place.asked[::-1]] == ["reference 1", "reference 2"]
    assert [final.model for final in run.finals] == ["reference", "reference", "best", "best"]
    assert run.finals[2] == replace(run.finals[0], model="best")
    np.testing.assert_array_equal(found.best, found.reference)


@pytest.mark.parametrize(
    ("best", "seeds", "said"),
    [
        (BEST.config, 2, "the reference and trial 3 on all training images, 2 seeds, 4 trainings"),
        (REFERENCE, 2, "the reference on all training images, 2 seeds, 2 trainings"),
        (REFERENCE, 1, "the reference on all training images, 1 seed, 1 training"),
    ],
)
def test_what_is_trained_is_said_as_it_is(
    best: TrainConfig, seeds: int, said: str, run: Run, trainer_at: TrainerAt, data: Data
) -> None:
    stream = io.StringIO()
    run.progress = Progress(stream, verbosity=1, live=False)
    run.settings = replace(run.settings, retrain_seeds=seeds)
    retrain(run, trainer_at(Somewhere()), data, replace(BEST, config=best))
    assert stream.getvalue().splitlines()[0].strip() == said


def test_what_no_verdict_needs_is_left_out_with_a_word_where_a_training_of_it_fails(
    run: Run, trainer_at: TrainerAt, data: Data
) -> None:
    class Longer(Somewhere):
        """A place where the longer training of the second seed fails."""

        def outcome(self, assignment: Assignment) -> Fault | None:
            return Fault(Cause.TIMED_OUT) if assignment.epochs == 6 and assignment.seed == SEEDS[1] else None

    stream = io.StringIO()
    run.progress = Progress(stream, verbosity=0, live=False)
    best = replace(BEST, config=replace(REFERENCE, base_filters=48))
    found = retrain(run, trainer_at(Longer()), data, best)
    assert (run.equal_compute, len(found.equal_compute)) == ((), 0)
    assert "warning: equal compute is left out: reference, 6 epochs failed: timed out;" in stream.getvalue()
    assert [(final.model, final.train.seed) for final in run.finals] == [
        (name, seed) for name in ("reference", "best") for seed in SEEDS
    ]
    assert len(retrain(run, trainer_at(Somewhere()), data, best).equal_compute) == 2


def test_a_training_that_fails_ends_the_search_and_the_others_are_not_made_again(
    run: Run, trainer_at: TrainerAt, data: Data
) -> None:
    expected = r"Every retraining must end, .* Received: best 2 failed: out of memory: the system killed it\."
    with pytest.raises(SearchBroken, match=expected):
        retrain(run, trainer_at(Failing()), data, BEST)
    place = Somewhere()
    retrain(run, trainer_at(place), data, BEST)
    assert [assignment.label for assignment in place.asked] == ["best 2"]
    assert [final.train for final in run.finals] == [result(replace(place.asked[0], seed=s)).train for s in SEEDS * 2]

"""The forecast: by the most similar run of a machine like this one, scaled by what there is to train, or calibrated."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cluster.resources import ClusterSize, TrialResources
from fashion_model.config import REFERENCE
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST
from search.command.settings import PrunerName, SamplerName, Settings
from search.run_folder.environment import environment
from search.session.calibration import Pace, calibrated, measured
from search.session.forecast import Forecast, Job, forecast
from search.study.played import played_trials
from tests.reports.conftest import Plan, finish

SIZE = ClusterSize(2.0, 0.0, 1)


def ended(runs: Path, name: str, *, trials: int = 14, epochs: int = 4, other: dict[str, object] | None = None) -> None:
    """A run of this machine, with `other` settings."""
    found = finish(Plan(trials=trials, epochs=epochs))
    asked = Settings(name=name, trials=trials, epochs=epochs, output=str(runs)).to_dict() | (other or {})
    outcome = replace(found.outcome, environment=environment(SIZE), settings=asked)
    replace(found, outcome=outcome).write(runs / name)


def asked(
    runs: Path, *, images: int = 0, epochs: int = 4, concurrent: int = 2, **settings: float | str
) -> Forecast | None:
    outcome = finish(Plan()).outcome
    count = images or outcome.data.train_count + outcome.data.validation_count
    wanted = Settings(name="n", output=str(runs), epochs=epochs, **({"trials": 14} | settings))  # type: ignore[arg-type]
    return forecast(Job(wanted, count, outcome.data.task, SIZE, TrialResources(1.0, 0.0), concurrent))


def walls(found: Forecast | None) -> dict[str, float]:
    assert found is not None
    return {stage.name: stage.wall_seconds for stage in found.stages}


def test_every_stage_is_in_it_with_its_core_hours_and_the_run_that_it_rests_on(tmp_path: Path) -> None:
    ended(tmp_path, "a")
    outcome, found = finish(Plan(trials=14, epochs=4)).outcome, asked(tmp_path)
    assert list(walls(found)) == ["start", "search", "finalists", "ablation", "retrain", "report"]
    assert found is not None
    assert found.basis == f"{tmp_path}/a (14 trials)"
    trials = [trial.work for trial in outcome.trials]
    assert found.stages[1].core_hours == pytest.approx(sum(work.cpu_seconds for work in trials) / 3600)
    shared = sum(work.seconds for work in trials) / 2
    assert shared <= found.stages[1].wall_seconds <= shared + max(work.seconds for work in trials)


@pytest.mark.parametrize("epochs", [2, 8, 16])
def test_a_stage_takes_as_much_longer_as_its_trainings_are(epochs: int, tmp_path: Path) -> None:
    ended(tmp_path, "a")
    base, found = walls(asked(tmp_path)), walls(asked(tmp_path, epochs=epochs))
    for name in ("search", "finalists", "retrain"):
        assert found[name] == pytest.approx(epochs / 4 * base[name], rel=0.03)  # equal compute has whole epochs


def test_every_stage_grows_with_what_there_is_to_train(tmp_path: Path) -> None:
    ended(tmp_path, "a")
    base, twice = walls(asked(tmp_path)), walls(asked(tmp_path, trials=28))
    assert twice["search"] == pytest.approx(2 * base["search"], rel=0.1)
    assert twice["finalists"] == base["finalists"]
    alone = walls(asked(tmp_path, concurrent=1))
    assert alone["finalists"] == pytest.approx(2 * base["finalists"], rel=0.2)
    assert walls(asked(tmp_path, retrain_seeds=10))["retrain"] > 1.6 * base["retrain"]
    assert walls(asked(tmp_path, ablate=0))["ablation"] == 0.0 < walls(asked(tmp_path, ablate=3))["ablation"]


@pytest.mark.parametrize("price", [0.5, 25.16])
def test_money_is_there_where_a_price_is_known_and_is_for_the_wall_time(price: float, tmp_path: Path) -> None:
    ended(tmp_path, "a")
    found, free = asked(tmp_path, price_per_hour=price), asked(tmp_path)
    assert found is not None
    assert [stage.usd for stage in found.stages] == pytest.approx(
        [price * stage.wall_seconds / 3600 for stage in found.stages]
    )
    assert free is not None
    assert {stage.usd for stage in free.stages} == {None}


def test_the_most_similar_run_is_the_basis(tmp_path: Path) -> None:
    ended(tmp_path, "small", epochs=1)
    ended(tmp_path, "right", epochs=4)
    ended(tmp_path, "few", epochs=4, trials=10)
    found = asked(tmp_path)
    assert found is not None
    assert found.basis.startswith(f"{tmp_path}/right ")


@pytest.mark.parametrize(
    "other", [{"pruner": "none"}, {"local": True}, {"cpus_per_trial": 2.0}, {"size": "large"}, {"max_params": 9000}]
)
def test_a_run_of_other_terms_is_no_basis(other: dict[str, object], tmp_path: Path) -> None:
    ended(tmp_path, "a", other=other)
    assert asked(tmp_path) is None


def test_a_run_of_another_size_or_machine_is_no_basis(tmp_path: Path) -> None:
    assert asked(tmp_path) is None
    ended(tmp_path, "a")
    assert asked(tmp_path, epochs=41) is None
    found = finish(Plan()).outcome
    finish(Plan()).write(tmp_path / "a")
    assert found.environment.processor != environment(SIZE).processor
    assert asked(tmp_path) is None


@pytest.mark.parametrize(
    ("pruner", "least", "most"), [("none", 10.0, 10.0), ("halving", 1.5, 6.0), ("median", 1.2, 9.0)]
)
def test_a_calibrations_trials_are_those_of_the_search_stopped_by_its_own_pruner(
    pruner: PrunerName, least: float, most: float
) -> None:
    wanted = Settings(name="n", trials=40, epochs=10, pruner=pruner)
    played = list(played_trials(wanted, FASHION_MNIST))
    assert played[0].config == REFERENCE
    assert [trial.is_known for trial in played] == [True] * 6 + [False] * 34
    assert {trial.epochs for trial in played[:6]} == {10}, "the pruner stops only what the sampler has drawn"
    assert least <= sum(trial.epochs for trial in played[6:]) / 34 <= most
    assert all((trial.epochs == 10) == (trial.value is not None) for trial in played)
    assert min(trial.value or 0.0 for trial in played[1:6]) > 0.5, "the portfolio"


def test_tpe_is_taken_to_draw_costlier_points_than_chance_since_the_known_ones_are() -> None:
    def cost(sampler: SamplerName) -> float:
        played = played_trials(Settings(name="n", trials=50, sampler=sampler), FASHION_MNIST)
        drawn = [trial.config for trial in played if not trial.is_known]
        return sum(network_of(config, FASHION_MNIST).multiply_adds for config in drawn)

    assert 1.15 * cost("random") < cost("tpe") < 1.6 * cost("random")
    assert cost("qmc") == cost("random")


@pytest.mark.parametrize(("trials", "places"), [(12, 1), (12, 3), (60, 2)])
def test_a_calibration_forecasts_every_stage_by_the_pace_of_two_networks(trials: int, places: int) -> None:
    same = Pace(start=2.0, training=1e-4, validation=1e-5, cores=0.9)
    wanted = Settings(name="n", trials=trials, pruner="none", price_per_hour=2.0)
    job = Job(wanted, 60_000, FASHION_MNIST, SIZE, TrialResources(1.0, 0.0), places)
    found = calibrated(job, lambda configs, job: [same, same])
    full = 2.0 + 10 * (50_000 * 1e-4 + 10_000 * 1e-5)
    stages = {stage.name: stage for stage in found.stages}
    assert same.full_training(60_000, 10) == pytest.approx(full)
    assert stages["search"].wall_seconds == pytest.approx(trials / places * full)
    assert stages["finalists"].wall_seconds == pytest.approx(9 / places * full, rel=0.2)
    assert stages["search"].core_hours == pytest.approx(0.9 * trials * full / 3600)
    assert stages["retrain"].usd == pytest.approx(2.0 * stages["retrain"].wall_seconds / 3600)
    speeds = "reference and costliest point train 10,000 and 10,000 images a second"
    assert found.basis == f"a calibration: {speeds}, {places} at a time"


@pytest.mark.slow
def test_a_calibration_trains_for_real_and_tensorflow_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    wanted = Settings(name="n", trials=4)
    job = Job(wanted, 60_000, FASHION_MNIST, SIZE, TrialResources(1.0, 0.0), 1)
    (pace,) = measured([REFERENCE], job)
    assert 10 < 1 / pace.training < 1e6
    assert pace.validation < pace.training
    assert pace.start > 0
    assert pace.cores > 0.01
    assert capfd.readouterr() == ("", "")

"""What is tried before the sampler draws: the reference, what the user adds, the portfolio; each once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from fashion_model.config import REFERENCE, TrainConfig
from fashion_model.network import network_of
from fashion_model.task import FASHION_MNIST
from search.command.settings import SamplerName, Settings
from search.study.open_study import StudySpec, open_study
from search.study.portfolio import PORTFOLIO, known_points
from search.study.space import LIMITS, Space
from search.study.study import KnownPoint
from search.worker.faults import Cause, Fault
from tests.search.conftest import WORK, Watcher, in_optuna

OUTSIDE = TrainConfig(pooling="average", kernel_size=5)
GOOD = TrainConfig(conv_blocks=3, padding="same", batch_norm=True, optimizer="adamw", weight_decay=1e-3)
KNOWN = (KnownPoint("added", OUTSIDE), KnownPoint("portfolio", GOOD))


@pytest.mark.parametrize("sampler", ["tpe", "random", "cmaes", "qmc"])
def test_known_points_come_after_the_reference_once_and_are_marked_also_after_a_resume(
    spec: StudySpec, sampler: SamplerName
) -> None:
    spec = replace(spec, known=KNOWN, sampler=sampler, pruner="none")
    study = open_study(spec, Watcher())
    configs = [study.ask().config for _ in range(2)]
    study.report(0, 1, 0.5)
    study.finish(0, WORK, pruned=False)
    study.fail(1, Fault(Cause.INTERRUPTED))
    study.close()
    again = open_study(spec, Watcher(), exists=True)
    configs += [again.ask().config for _ in range(4)]
    assert configs[:4] == [REFERENCE, OUTSIDE, OUTSIDE, GOOD], "the interrupted one is tried again"
    assert not {*configs[4:]} & {REFERENCE, OUTSIDE, GOOD}
    for number in (2, 3, 4):
        again.report(number, 1, 0.6)
        again.finish(number, WORK, pruned=False)
    records = again.records()
    assert [(record.number, record.origin) for record in records] == [
        (0, "reference"),
        (2, "added"),
        (3, "portfolio"),
        (4, "sampler"),
    ]


def test_only_what_the_sampler_draws_is_pruned(spec: StudySpec) -> None:
    study = open_study(replace(spec, known=KNOWN), Watcher())
    numbers = [study.ask().number for _ in range(6)]
    stops = {number: study.report(number, 1, 0.9 - 0.1 * number) for number in numbers}
    assert [stops[number] for number in (0, 1, 2)] == [False] * 3
    assert any(stops.values())


def test_a_configuration_outside_of_the_space_has_no_parameters_in_the_study(spec: StudySpec) -> None:
    study = open_study(replace(spec, known=KNOWN), Watcher())
    for _ in range(3):
        study.ask()
    trials = in_optuna(spec).trials
    assert [bool(trial.params) for trial in trials] == [True, False, True]


def test_every_configuration_of_the_portfolio_is_a_point_of_the_space_and_there_are_at_most_eight() -> None:
    assert len(PORTFOLIO) <= 8
    for good in PORTFOLIO:
        assert Space().scaled(TrainConfig(**good)) == TrainConfig(**good)


def test_a_larger_size_makes_the_portfolio_wider() -> None:
    narrow, wide = GOOD, Space(size="medium").scaled(GOOD)
    assert wide is not None
    costs = [network_of(config, FASHION_MNIST).multiply_adds for config in (narrow, wide)]
    assert 3 < costs[1] / costs[0] < LIMITS["medium"][0] / LIMITS["small"][0] * 1.2
    assert replace(wide, base_filters=narrow.base_filters) == narrow


def test_a_limit_makes_the_portfolio_narrower() -> None:
    limit = 3_000_000
    scaled = [Space(max_multiply_adds=limit).scaled(TrainConfig(**good)) for good in PORTFOLIO]
    costs = [network_of(config, FASHION_MNIST).multiply_adds for config in scaled if config]
    assert len(costs) == len(PORTFOLIO)
    assert max(costs) <= limit


@pytest.mark.parametrize(
    ("changes", "origins"),
    [
        ({}, {"portfolio"}),
        ({"start_with": "reference"}, set()),
        ({"data": "mine.npz"}, set()),
        ({"space": ("optimizer=adamw",)}, set()),
        ({"start_with": "reference", "add_config": (json.dumps(OUTSIDE.differences()),)}, {"added"}),
    ],
)
def test_the_portfolio_is_left_out_where_its_curves_say_nothing(changes: dict[str, object], origins: set[str]) -> None:
    settings = Settings(name="s", **changes)  # type: ignore[arg-type]
    points = tuple(known_points(settings, Space.of(settings, FASHION_MNIST)))
    assert {point.origin for point in points} == origins

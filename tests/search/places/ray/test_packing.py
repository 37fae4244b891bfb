"""How many trials a GPU is to hold: the choice by the rates, and the measurement on a GPU that only Ray believes in."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from search.places.ray.packing import Packing, measure_packing


@pytest.mark.parametrize(
    ("rates", "together"),
    [
        ({}, 1),
        ({1: 100.0}, 1),
        ({1: 100.0, 2: 114.0}, 1),
        ({1: 100.0, 2: 116.0}, 2),
        ({1: 100.0, 2: 150.0, 4: 160.0}, 2),
        ({1: 100.0, 2: 150.0, 4: 180.0}, 4),
    ],
)
def test_more_trials_share_a_gpu_only_where_they_train_clearly_more_in_all(
    rates: Mapping[int, float], together: int
) -> None:
    packing = Packing(rates)
    assert (packing.together(), packing.share()) == (together, 1 / together)


def test_the_measurement_is_told_in_one_line() -> None:
    assert str(Packing({1: 9_100.4, 2: 15_300.0})) == "2 a GPU, by images/s with so many (1: 9,100, 2: 15,300)"


@pytest.fixture(scope="module")
def one_gpu() -> Iterator[None]:
    """A Ray with two cores and one GPU, which is not there: what runs on it runs on the cores."""
    import ray

    ray.init("local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.mark.ray
@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_is_measured_alone_and_shared_and_given_back() -> None:
    import ray

    packing = measure_packing(cpus_a_gpu=2.0, cpus=None, at_most=4)
    assert set(packing.rates) == {1, 2}  # four would need four cores
    assert all(rate > 100 for rate in packing.rates.values())
    assert packing.together() == (2 if packing.rates[2] >= 1.15 * packing.rates[1] else 1)
    while ray.available_resources().get("GPU") != 1.0:  # or the test's time is up
        time.sleep(0.1)


@pytest.mark.ray
@pytest.mark.usefixtures("one_gpu")
@pytest.mark.parametrize(("cpus", "at_most", "counts"), [(2.0, 4, {1}), (3.0, 4, set()), (None, 1, {1})])
def test_no_more_are_measured_than_are_to_share_a_gpu_or_than_have_their_cores(
    cpus: float | None, at_most: int, counts: set[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.places.ray.packing._rates", lambda group, each, counts: dict.fromkeys(counts, 1.0))
    assert set(measure_packing(cpus_a_gpu=2.0, cpus=cpus, at_most=at_most).rates) == counts


@pytest.mark.ray
@pytest.mark.usefixtures("one_gpu")
def test_a_gpu_that_another_one_holds_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    class Holder:
        def holds(self) -> bool:
            return True

    holding: Any = ray.remote(num_gpus=1)(Holder)
    holder = holding.remote()
    assert ray.get(holder.holds.remote())
    monkeypatch.setattr("search.places.ray.packing._MACHINE_SECONDS", 5.0)
    start = time.monotonic()
    assert measure_packing(cpus_a_gpu=2.0, cpus=None, at_most=4).rates == {}
    assert time.monotonic() - start < 9.0

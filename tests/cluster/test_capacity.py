"""How many trials are to be under way, as machines come and go, and what is asked for. With real autoscalers:
tests/search/test_growing_cluster.py and tests/lab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cluster import capacity as module
from cluster.capacity import Capacity
from cluster.connect import connected
from cluster.demand import Demand
from cluster.resources import ClusterSize, Machine, ResourceError, TrialResources, cluster_size

BOX = Machine(48.0, 4.0)
EACH = TrialResources(12.0, 1.0)


def node(cpus: float, gpus: float = 0.0, *, head: bool = False, alive: bool = True) -> dict[str, Any]:
    """A machine as Ray lists it: what it has none of is left out."""
    has = {name: amount for name, amount in (("CPU", cpus), ("GPU", gpus)) if amount}
    marks = {"node:__internal_head__": 1.0} if head else {}
    models = {"accelerator_type:A10G": 1.0} if gpus else {}
    return {"Alive": alive, "Resources": has | marks | models}


HEAD, WORKER = node(0.0, head=True), node(48.0, 4.0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the machines each time."""
    monkeypatch.setattr(module, "_LOOK_SECONDS", -1.0)


def test_the_size_is_that_of_the_machines_that_are_alive() -> None:
    size = cluster_size([HEAD, WORKER, node(48.0, 4.0, alive=False), node(16.0)])
    machines = (Machine(0.0, 0.0), BOX, Machine(16.0, 0.0))
    assert size == ClusterSize(64.0, 4.0, 3, "A10G", machines)


def test_a_head_that_runs_no_trials_waits_for_machines() -> None:
    capacity = Capacity(lambda: [HEAD], Demand())
    assert capacity.can_grow()
    capacity.require_room(EACH)
    assert capacity.room(EACH) == 1, "which waits"


def test_a_cluster_of_our_own_gets_no_machines() -> None:
    assert not Capacity(lambda: [HEAD]).can_grow()
    assert Capacity(lambda: [HEAD]).is_fixed()
    assert not Capacity(lambda: [HEAD], Demand()).is_fixed()


def test_a_head_with_cores_adds_its_own() -> None:
    capacity = Capacity(lambda: [node(4.0, head=True), node(8.0), node(8.0)], Demand())
    assert capacity.room(TrialResources(1.0, 0.0)) == 20
    assert not capacity.can_grow()


def test_the_number_follows_machines_that_nobody_announced_and_those_that_go() -> None:
    alive = [WORKER]
    capacity = Capacity(lambda: alive)
    assert capacity.room(EACH) == 4
    alive += [WORKER, WORKER]
    assert capacity.room(EACH) == 12
    alive.clear()
    alive.append(HEAD)
    assert capacity.room(EACH) == 1, "the next trial waits for the next machine"
    assert capacity.largest() == ClusterSize(144.0, 12.0, 3, "A10G", (BOX,) * 3)


def test_a_trial_that_no_machine_holds_is_refused() -> None:
    for demand in (None, Demand()):
        with pytest.raises(
            ResourceError, match=r"must fit a machine of the cluster. Received: 1 CPUs and 8 GPUs a trial"
        ):
            Capacity(lambda: [HEAD, WORKER], demand).require_room(TrialResources(1.0, 8.0))


@pytest.fixture(scope="module")
def ray_of_two_cores() -> Iterator[None]:
    with connected("local"):
        yield


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20.0
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def waiting(state: str = "PENDING") -> list[dict[str, float]]:
    """What the placement groups ask for that have no place, or are in another state."""
    from ray.util import placement_group_table

    return [group["bundles"][0] for group in placement_group_table().values() if group["state"] == state]


def looks(capacity: Capacity, each: TrialResources, trials: int) -> int:
    """How many trials are to be under way, asked twice: more room is asked for the second time."""
    return min(capacity.room(each, trials) for _ in range(2))


@pytest.mark.ray
def test_room_is_asked_for_those_that_do_not_fit_and_for_no_more(ray_of_two_cores: None) -> None:
    machines = [HEAD]
    capacity = Capacity(lambda: machines, Demand())
    assert capacity.room(EACH, 6) == 1
    assert waiting() == [], "trials take what is free first"
    looks(capacity, EACH, 6)
    assert waiting() == [{"CPU": 12.0, "GPU": 1.0}] * 6
    machines.append(WORKER)
    assert looks(capacity, EACH, 6) == 4
    assert len(waiting()) == 2
    assert looks(capacity, EACH, 5) == 4, "one has ended"
    assert len(waiting()) == 1
    machines.pop()
    assert looks(capacity, EACH, 5) == 1, "the machine is gone"
    assert len(waiting()) == 5
    looks(capacity, EACH, 1000)
    assert len(waiting()) == 5, "asked for when the number of machines changes"
    machines.append(WORKER)
    looks(capacity, EACH, 1000)
    assert len(waiting()) == 64
    capacity.room(EACH, 0)
    assert waiting() == []


@pytest.mark.ray
def test_a_place_that_is_given_is_given_back_and_not_asked_for_again(ray_of_two_cores: None) -> None:
    one = TrialResources(1.0, 0.0)
    capacity = Capacity(lambda: [HEAD], Demand())
    looks(capacity, one, 1)
    until(lambda: waiting("CREATED") == [{"CPU": 1.0}])
    for _ in range(2):
        looks(capacity, one, 1)
        assert waiting() == waiting("CREATED") == []


@pytest.mark.ray
def test_the_first_machines_are_asked_for_and_waited_for(ray_of_two_cores: None) -> None:
    asked: list[list[dict[str, float]]] = []

    def machines() -> list[dict[str, Any]]:
        asked.append(waiting())
        return [HEAD, WORKER] if len(asked) >= 3 else [HEAD]

    capacity = Capacity(machines, Demand())
    capacity.settle(trials=2)
    assert asked[1] == asked[2] == [{"CPU": 1.0, "GPU": 1.0}] * 2, "a place without GPUs was given, by this machine"
    assert waiting() == []
    assert capacity.now().gpus == 4.0


@pytest.mark.ray
def test_where_no_machine_comes_in_time_the_search_says_so(ray_of_two_cores: None) -> None:
    with pytest.raises(ResourceError, match=r"must join the cluster within 0 s. Received: none; the 1 there"):
        Capacity(lambda: [HEAD], Demand()).settle(patience_seconds=0.0)

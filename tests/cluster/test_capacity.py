"""How many trials are to be under way, as machines come and go."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import capacity as module
from cluster.capacity import Capacity, size_now
from cluster.growth import Growth, WorkerType
from cluster.resources import ClusterSize, Machine, ResourceError, TrialResources

BOX = Machine(48.0, 4.0)
EACH = TrialResources(12.0, 1.0)
GROWS = Growth((WorkerType(BOX, 3),), 3)


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
    size = size_now([HEAD, WORKER, node(48.0, 4.0, alive=False), node(16.0)])
    machines = (Machine(0.0, 0.0), BOX, Machine(16.0, 0.0))
    assert size == ClusterSize(64.0, 4.0, 3, "A10G", machines)


def test_a_head_alone_runs_as_many_trials_as_the_cluster_may_have() -> None:
    capacity = Capacity(lambda: [HEAD], GROWS)
    capacity.require_room(EACH)
    assert capacity.can_grow()
    assert capacity.room(EACH) == 12
    assert capacity.most() == ClusterSize(144.0, 12.0, 4, "", (Machine(0.0, 0.0), *(BOX,) * 3))


def test_a_head_with_cores_adds_its_own() -> None:
    capacity = Capacity(lambda: [node(4.0, head=True)], Growth((WorkerType(Machine(8.0, 0.0), 2),), 2))
    assert capacity.room(TrialResources(1.0, 0.0)) == 20


def test_the_number_follows_machines_that_nobody_announced_and_those_that_go() -> None:
    alive = [WORKER]
    capacity = Capacity(lambda: alive, Growth())
    assert capacity.room(EACH) == 4
    alive += [WORKER, WORKER]
    assert capacity.room(EACH) == 12
    alive.clear()
    alive.append(HEAD)
    assert capacity.room(EACH) == 1, "the next trial waits for the next machine"
    assert capacity.largest() == ClusterSize(144.0, 12.0, 3, "A10G", (BOX,) * 3)


def test_the_machines_of_a_cluster_that_has_grown_are_not_counted_twice() -> None:
    assert Capacity(lambda: [HEAD, WORKER, WORKER, WORKER], GROWS).room(EACH) == 12


@pytest.mark.parametrize("growth", [Growth(), GROWS], ids=["fixed", "growing"])
def test_a_trial_that_no_machine_will_ever_hold_is_refused(growth: Growth) -> None:
    with pytest.raises(ResourceError, match=r"must fit a machine of the cluster. Received: 1 CPUs and 8 GPUs a trial"):
        Capacity(lambda: [HEAD, WORKER], growth).require_room(TrialResources(1.0, 8.0))


def test_machines_that_nobody_knows_yet_are_waited_for_and_then_taken_to_be_alike() -> None:
    looks = [[HEAD], [HEAD], [HEAD, WORKER]]
    capacity = Capacity(lambda: looks.pop(0) if len(looks) > 1 else looks[0], Growth((WorkerType(None, 3),), 3))
    capacity.require_room(EACH)
    assert capacity.room(EACH) == 1
    capacity.settle()
    assert capacity.largest().gpus == 4.0
    assert capacity.room(EACH) == 12

"""What the cluster has now and had at most: how many trials are to be under way, and when more room is asked for.

How far a cluster can grow is known to its autoscaler alone. So trials run where there is room now; for those that have
no room yet, places are asked for (cluster/demand.py), and a trial is drawn when its place is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from cluster.connect import started_here
from cluster.demand import Demand
from cluster.resources import ClusterSize, ResourceError, TrialResources, cluster_size, concurrent_trials

_LOOK_SECONDS: Final = 5.0
_SETTLE_SECONDS: Final = 1200.0  # a cloud takes minutes to bring a machine, and its set-up as many
_ASKED_AT_ONCE: Final = 64  # places; on a cluster that has more, as many again as it has


class Capacity:
    """A cluster that may grow and shrink.

    `nodes` is Ray's list of machines (`ray.nodes`), asked for anew at most every five seconds. `demand` asks for more
    machines, and is None on a cluster of our own, which gets none.
    """

    def __init__(self, nodes: Callable[[], Sequence[dict[str, Any]]], demand: Demand | None = None) -> None:
        self._nodes, self._demand = nodes, demand
        self._looked = time.monotonic()
        self._largest = self._now = cluster_size(self._nodes())

    def settle(self, trials: int = 1, gpus: float | None = None, patience_seconds: float = _SETTLE_SECONDS) -> None:
        """Where no machine can run a trial yet, have the first ones come: what a trial takes depends on what they have.

        Asked for are places for that many trials of one core and `gpus` GPUs; without a number, of one GPU, and one
        place without, for a cluster that has none.

        Raises:
            ResourceError: when no machine comes in time.
        """
        if self._now.cpus or self._demand is None:
            return
        if gpus is None:
            self._demand.add(TrialResources(1.0, 0.0), 1)
        self._demand.add(TrialResources(1.0, 1.0 if gpus is None else gpus), min(trials, _ASKED_AT_ONCE))
        deadline = time.monotonic() + patience_seconds
        try:
            while not self._now.cpus and time.monotonic() < deadline:
                time.sleep(1.0)
                self._renew()
        finally:
            self._demand.withdraw()
        if not self._now.cpus:
            raise ResourceError(
                f"A machine that can run trials must join the cluster within {patience_seconds:g} s. Received: none; "
                f"the {self._now.nodes} there (head included) offer no CPU cores. `ray status` shows why; "
                "add machines, or allow the cluster to start some (max_workers)."
            )

    def now(self) -> ClusterSize:
        """What there is, as it was up to five seconds ago."""
        if self._look_is_due():
            self._renew()
        return self._now

    def largest(self) -> ClusterSize:
        """The most that there was whenever somebody looked."""
        self.now()
        return self._largest

    def can_grow(self) -> bool:
        """Whether trials need machines that are yet to come, as on a head that runs none."""
        return self._demand is not None and not self.now().cpus

    def is_fixed(self) -> bool:
        """Whether no machine can come: a Ray of our own."""
        return self._demand is None

    def require_room(self, each: TrialResources) -> None:
        """Check that the cluster has room for a trial, or is yet to get its machines.

        Raises:
            ResourceError: when no machine that is there fits.
        """
        if not self.can_grow():
            concurrent_trials(self.now(), each)

    def room(self, each: TrialResources, trials: int = 0) -> int:
        """How many trials are to be under way: as many as fit now; at least one, which waits for the next machine.

        `trials` is how many have not ended yet, those under way among them: for those that do not fit, room is asked
        for. 0 withdraws what was asked for.
        """
        is_due = self._look_is_due()
        now = self.now()
        fitting = sum(each.fitting(machine) for machine in now.each())
        if self._demand is not None and not trials:
            self._demand.withdraw()
        elif self._demand is not None and is_due:
            places = min(trials - fitting, max(_ASKED_AT_ONCE, fitting))
            self._demand.ask(each, places, now.nodes)
        return max(1, fitting)

    def _look_is_due(self) -> bool:
        return time.monotonic() - self._looked > _LOOK_SECONDS

    def _renew(self) -> None:
        self._looked = time.monotonic()
        self._now = cluster_size(self._nodes())
        self._largest = max(self._largest, self._now, key=lambda size: (size.gpus, size.cpus, size.nodes))


def cluster_capacity() -> Capacity:
    """That of the cluster which this process is connected to."""
    import ray

    return Capacity(ray.nodes, None if started_here() else Demand())

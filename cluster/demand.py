"""Asking a cluster for room, in the one public way that ends with the search: placement groups that wait.

An autoscaler starts machines for what waits, and says nowhere how far it may go. Trials that wait would do, but their
points would be drawn before any result is known. What `ray.autoscaler.sdk.request_resources` asks for outlives a driver
that is killed, and so do the machines. A placement group of one bundle does neither: Ray removes it with the process
that made it. One that gets its place gives it back at once, to a trial.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cluster.resources import TrialResources

if TYPE_CHECKING:
    from ray.util.placement_group import PlacementGroup

_PLACED: Final = "CREATED"  # the state of a placement group that has its place


class Demand:
    """The places that this process asks for, each for one trial. On a cluster that cannot grow they wait in vain."""

    def __init__(self) -> None:
        self._waiting: list[PlacementGroup] = []
        self._machines = 0
        self._has_changed = False

    def ask(self, each: TrialResources, places: int, machines: int) -> None:
        """Have `places` wait, of a cluster that has `machines` now. To be called every few seconds.

        More are added only once after the number of machines has changed, by the call after the one that notices it: by
        then trials have taken what is free. On a cluster that stays as it is, a place that was given where a trial had
        ended is not asked for again, in front of the next trial.
        """
        self._waiting = [group for group in self._waiting if not _given_back(group)]
        while len(self._waiting) > max(0, places):
            _remove(self._waiting.pop())
        if self._has_changed:
            self.add(each, places - len(self._waiting))
        self._has_changed, self._machines = machines != self._machines, machines

    def add(self, each: TrialResources, places: int) -> None:
        """Have that many more wait."""
        from ray.util import placement_group

        bundle = {name: amount for name, amount in (("CPU", each.cpus), ("GPU", each.gpus)) if amount}
        self._waiting += [placement_group([bundle]) for _ in range(places)]

    def withdraw(self) -> None:
        """Ask for nothing more."""
        for group in self._waiting:
            _remove(group)
        self._waiting, self._machines, self._has_changed = [], 0, False


def _given_back(group: PlacementGroup) -> bool:
    from ray.util import placement_group_table

    is_placed = bool(placement_group_table(group)["state"] == _PLACED)
    if is_placed:
        _remove(group)
    return is_placed


def _remove(group: PlacementGroup) -> None:
    from ray.util import remove_placement_group

    remove_placement_group(group)

"""When a worker has grown so much that a fresh one must take its place. On a real Ray: test_on_ray.py."""

from __future__ import annotations

import os

import numpy as np
import pytest

from search.worker_memory import WorkerMemory, held_bytes, machine_bytes

MEBIBYTE = 2**20


def test_what_is_taken_is_held_and_what_is_given_back_is_not() -> None:
    before = held_bytes()
    taken = np.ones(256 * MEBIBYTE, np.uint8)
    assert 250 * MEBIBYTE < held_bytes() - before < 300 * MEBIBYTE
    del taken
    assert held_bytes() - before < 50 * MEBIBYTE


def test_a_machine_holds_what_its_processes_hold_and_no_more_than_it_has() -> None:
    assert held_bytes() < machine_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(("most_bytes", "too_much"), [(1, True), (2**60, False)])
def test_a_bound_that_is_given_is_the_bound(most_bytes: int, too_much: bool) -> None:
    assert WorkerMemory(1.0, most_bytes).is_too_much() is too_much


def test_a_worker_may_hold_its_share_of_the_machine() -> None:
    memory = WorkerMemory(slots=0.8 * machine_bytes() / (held_bytes() + 2**30))  # its share: a GiB more than it holds
    assert not memory.is_too_much()
    taken = np.ones(800 * MEBIBYTE, np.uint8)
    assert not memory.is_too_much()
    more = np.ones(400 * MEBIBYTE, np.uint8)
    assert memory.is_too_much()
    del taken, more


def test_where_the_share_is_little_it_may_hold_twice_what_it_did_after_its_first_trial() -> None:
    memory, held = WorkerMemory(slots=1e9), held_bytes()
    assert not memory.is_too_much()
    taken = np.ones(int(0.8 * held), np.uint8)
    assert not memory.is_too_much()
    more = np.ones(int(0.4 * held), np.uint8)
    assert memory.is_too_much()
    del taken, more

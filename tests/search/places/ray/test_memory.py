"""When a worker has grown so much that a fresh one must take its place. On a real Ray: test_place.py.

What is measured is measured in a process of its own: among other tests a collection of theirs gives back what one
takes here.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

from search.places.ray.memory import WorkerMemory, held_bytes, machine_bytes

MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def process() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as executor:
        yield executor


def test_what_is_taken_is_held_and_what_is_given_back_is_not(process: ProcessPoolExecutor) -> None:
    taken, given_back = process.submit(_take_and_give_back).result()
    assert 250 < taken < 300
    assert given_back < 50


def _take_and_give_back() -> tuple[float, float]:
    before = held_bytes()
    taken = np.ones(256 * MEBIBYTE, np.uint8)
    with_it = held_bytes()
    del taken
    return (with_it - before) / MEBIBYTE, (held_bytes() - before) / MEBIBYTE


def test_a_machine_holds_what_its_processes_hold_and_no_more_than_it_has() -> None:
    assert held_bytes() < machine_bytes() <= os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(("most_bytes", "too_much"), [(1, True), (2**60, False)])
def test_a_bound_that_is_given_is_the_bound(most_bytes: int, too_much: bool) -> None:
    assert WorkerMemory(1.0, most_bytes).is_too_much() is too_much


def test_a_worker_may_hold_its_share_of_the_machine(process: ProcessPoolExecutor) -> None:
    assert process.submit(_outgrow_a_share_of_a_gibibyte_more).result() == [False, False, True]


def _outgrow_a_share_of_a_gibibyte_more() -> list[bool]:
    memory = WorkerMemory(slots=0.8 * machine_bytes() / (held_bytes() + 2**30))
    return _grow(memory, 800 * MEBIBYTE, 400 * MEBIBYTE)


def test_where_the_share_is_little_it_may_hold_twice_what_it_did_after_its_first_trial(
    process: ProcessPoolExecutor,
) -> None:
    assert process.submit(_outgrow_the_first_trial).result() == [False, False, True]


def _outgrow_the_first_trial() -> list[bool]:
    held = held_bytes()
    return _grow(WorkerMemory(slots=1e9), int(0.8 * held), int(0.4 * held))


def _grow(memory: WorkerMemory, *bytes_each: int) -> list[bool]:
    """Whether it is too much, before and after each of these is taken on top."""
    taken, answers = [], [memory.is_too_much()]
    for each in bytes_each:
        taken.append(np.ones(each, np.uint8))
        answers.append(memory.is_too_much())
    return answers


def test_a_process_that_holds_much_writes_down_how_much_and_another_one_nothing(
    process: ProcessPoolExecutor,
) -> None:
    little, much = process.submit(_write_down_what_is_held).result()
    assert little == []
    assert much == sorted(much)
    assert 200 < (much[-1] - much[0]) / MEBIBYTE < 300  # other garbage may be collected meanwhile


def _write_down_what_is_held() -> tuple[list[int], list[int]]:
    little: list[int] = []
    with WorkerMemory(1.0, most_bytes=4 * held_bytes()).written_down(little.append):
        time.sleep(0.5)
    much: list[int] = []
    with WorkerMemory(1.0, most_bytes=held_bytes()).written_down(much.append):
        time.sleep(0.5)
        taken = np.ones(256 * MEBIBYTE, np.uint8)
        time.sleep(0.5)
    del taken
    return little, much

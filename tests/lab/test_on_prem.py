"""The shipped cluster/on-prem.yaml on machines of one's own: Ray's provider `local`, from `ray up` to `ray down`.

pytest -m lab tests/lab/test_on_prem.py      prints what took how long
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.records import load_outcome

from .checkpoints import watched
from .cluster_files import on_prem_file, write
from .hosts import DATA, Lab, laboratory
from .laptop import Clock, Submit, Training, fetched, set_up, submit, wait_until

WORKERS, TRIALS, EPOCHS = 3, 6, 5


@pytest.mark.lab
@pytest.mark.timeout(360)
def test_own_machines_start_when_trials_wait_one_loses_its_power_and_idle_ones_are_left(
    show: Callable[[str], None],
) -> None:
    with laboratory(WORKERS) as lab, watched(lab.shared / "checkpoints" / "own" / "checkpoints") as checkpoints:
        clock = Clock()
        set_up(lab)
        file = write(lab, "lab.yaml", on_prem_file(lab))
        cluster = ("--cluster", str(file))
        clock.mark(f"laptop, head and {WORKERS} workers are on")
        size = ("--trials", str(TRIALS), "--train-size", "1800", "--epochs", str(EPOCHS), "--pruner", "none")
        final = ("--finalists", "1", "--retrain-seeds", "1", "--data-dir", str(DATA))
        each = ("--cpus-per-trial", "1", "--gpus-per-trial", "1")
        where = (*cluster, "--name", "own", "--storage-path", "/mnt/shared/checkpoints")
        search = Submit(lab, (*where, *size, *final, *each), "own.log")
        search.wait_until(lambda: "submitted: own" in search.text(), 90.0, "submitted")
        assert with_ray(lab) == [], "none is started before trials wait"
        clock.mark("`ray up` is done, the search submitted")
        training = Training(lab)
        search.wait_until(lambda: 0 < training.look() == len(checkpoints.under_way()), 180.0, "each trial has a state")
        clock.mark(f"each trial under way, of {len(training.seen)}, has a checkpoint")
        lost = training.seen[0]
        lost_ns = checkpoints.newest_ns()
        lab.power_off(lost)
        clock.mark(f"{lost} powered off")
        assert search.wait(180.0) == 0, search.text()
        assert "runs/own/report.html" in search.text()
        clock.mark("the search has ended, the report is on the laptop")
        left = [name for name in lab.workers if name != lost]
        wait_until(lambda: not with_ray(lab, left), 90.0, "no worker runs Ray", lambda: str(with_ray(lab, left)))
        clock.mark("Ray has ended on the idle workers")
        down = submit(lab, *cluster, "--follow", "own", "--down")
        clock.mark("fetched once more, and `ray down`")
        show(clock.table())

        assert down.returncode == 0, down.stderr
        assert lab.run("head", "ray status").returncode != 0, "Ray has ended on the head"
        trials = load_outcome(fetched(lab, "own") / "outcome.json").trials
        assert [(trial.status, len(trial.intermediate)) for trial in trials] == [("COMPLETE", EPOCHS)] * TRIALS
        ran_on = {trial.worker.partition(":")[0] for trial in trials} | {lost}
        assert len(ran_on) > 1, "two may have done all of them before the third had started"
        assert ran_on <= set(lab.workers)
        checkpoints.must_go_on(trials, lost_ns)


def with_ray(lab: Lab, names: list[str] | None = None) -> list[str]:
    """The workers on which Ray runs."""
    return [name for name in names or list(lab.workers) if lab.run(name, "pgrep -x raylet").returncode == 0]

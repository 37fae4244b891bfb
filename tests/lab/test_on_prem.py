"""The shipped cluster/on-prem.yaml on machines of one's own: Ray's provider `local`, from `ray up` to `ray down`.

pytest -m lab tests/lab/test_on_prem.py      prints what took how long
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from search.records import load_outcome

from .cluster_files import on_prem_file, write
from .hosts import DATA, laboratory
from .laptop import Clock, fetched, set_up, submit

WORKERS, TRIALS, EPOCHS = 2, 4, 2


@pytest.mark.lab
@pytest.mark.timeout(360)
def test_one_command_starts_the_machines_searches_fetches_the_report_and_takes_all_down(
    show: Callable[[str], None],
) -> None:
    with laboratory(WORKERS) as lab:
        clock = Clock()
        set_up(lab)
        file = write(lab, "lab.yaml", on_prem_file(lab))
        clock.mark("laptop, head and workers are on")
        size = ("--trials", str(TRIALS), "--train-size", "600", "--epochs", str(EPOCHS), "--pruner", "none")
        final = ("--finalists", "1", "--retrain-seeds", "1", "--data-dir", str(DATA), "--down")
        each = ("--cpus-per-trial", "1", "--gpus-per-trial", "1")
        where = ("--cluster", str(file), "--name", "own", "--storage-path", "/mnt/shared/checkpoints")
        ended = submit(lab, *where, *size, *final, *each)
        clock.mark("`ray up`, search, report, `ray down`")
        show(clock.table())

        assert ended.returncode == 0, ended.stderr
        assert ended.stdout == "runs/own/report.html\n"
        trials = load_outcome(fetched(lab, "own") / "outcome.json").trials
        assert [(trial.status, len(trial.intermediate)) for trial in trials] == [("COMPLETE", EPOCHS)] * TRIALS
        assert {trial.worker.partition(":")[0] for trial in trials} == set(lab.workers)
        assert lab.run("head", "ray status").returncode != 0, "Ray has ended on the head"

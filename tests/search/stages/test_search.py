"""What the user reads of a trial's resources before the search begins, and what is known after it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import pytest

from cluster.resources import ClusterSize, TrialResources
from search.command.terminal.progress import Progress
from search.places.place import Site
from search.stages.run import Run
from search.stages.search import _close, introduce
from search.study.open_study import StudySpec, open_study
from search.study.study import SearchStudy
from search.worker.faults import Fault, StorageError

from ..conftest import Watcher
from ..somewhere import Somewhere


def test_what_the_trials_found_is_known_where_the_database_does_not_take_their_end(
    run: Run, spec: StudySpec, run_trial: Callable[[SearchStudy, list[float]], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = open_study(spec, Watcher())
    run_trial(study, [0.5] * 9)

    def locked(fault: Fault) -> None:
        raise StorageError("locked")

    monkeypatch.setattr(study, "fail_unfinished", locked)
    with pytest.raises(StorageError, match="locked"):
        _close(run, study)
    assert [trial.value for trial in run.trials] == [0.5]


@pytest.mark.parametrize(
    ("asked", "grows", "told"),
    [
        (None, False, "2 at a time"),
        (1, False, "2 at a time"),
        (100, False, "2 at a time (--max-concurrent 100: no more fit now)"),
        (100, True, "2 at a time, more as machines come"),
    ],
)
def test_more_at_a_time_than_fit_are_capped_with_a_word(run: Run, asked: int | None, grows: bool, told: str) -> None:
    lines = io.StringIO()
    run.progress = Progress(lines, verbosity=0, live=False)
    run.settings = replace(run.settings, max_concurrent=asked)
    size = ClusterSize(2.0, 0.0, 1)
    introduce(run, Site(Somewhere(), lambda: size, TrialResources(1.0, 0.0), 2, grows))
    assert lines.getvalue().splitlines()[-1] == f"3/6 trial   1 CPU each, up to 3 epochs, {told}"

"""(e) This service: Ray Tune over the study, a process a core that serves one trial after another."""

from __future__ import annotations

import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from benchmarks.contenders.told import tell
from benchmarks.jobs import JOBS, Job
from fashion_model.data.splits import TrainingSplits
from reports.records import TrialRecord
from search.command.settings import Settings
from search.places.site import sites
from search.worker.assignment import TrialPlan
from search.worker.checkpoints import CheckpointStore


def main(job: Job) -> None:
    """Every configuration once, as search/stages/search.py runs its trials."""
    settings = Settings(name="points", epochs=job.epochs, address="local")
    with tempfile.TemporaryDirectory() as folder, sites(settings, CheckpointStore(folder)) as site:
        with ThreadPoolExecutor(1) as beside:
            reading = beside.submit(_read, job)
            site()
            splits = reading.result()
        from benchmarks.contenders.points import study_of

        study = study_of(job, Path(folder))
        site().place.run_trials(study, splits, TrialPlan(job.configs, job.epochs, seed=0))
        records = study.records()
        study.close()
    if sorted(map(str, job.points())) != sorted(str(record.config) for record in records):
        raise SystemExit(f"Every point must be trained once. Received: {records}.")
    first = min(map(_started, records)).timestamp()
    tell([record.work.seconds for record in records], gap_seconds=_gaps(records), first_training=first)


def _read(job: Job) -> TrainingSplits:
    splits = job.splits()
    import benchmarks.contenders.points  # noqa: F401  # with Optuna, which loads while Ray starts

    return splits


def _gaps(records: Sequence[TrialRecord]) -> tuple[float, ...]:
    """Seconds from the end of each training to the start of the next one on the same worker."""
    by_worker = defaultdict(list)
    for record in sorted(records, key=_started):
        by_worker[record.work.worker].append(record)
    return tuple(
        (_started(after) - _started(before)).total_seconds() - before.work.seconds
        for served in by_worker.values()
        for before, after in pairwise(served)
    )


def _started(record: TrialRecord) -> datetime:
    return datetime.fromisoformat(record.work.started)


if __name__ == "__main__":
    main(JOBS[sys.argv[1]])

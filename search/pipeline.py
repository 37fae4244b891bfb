"""The stages of a search in their order: data, model, trial, search, retrain. Each leaves what it found on disk."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cluster.resources import ClusterSize, TrialResources, concurrent_trials, trial_resources
from fashion_model.config import REFERENCE
from fashion_model.data import TrainingSplits, find_source, load_training
from fashion_model.source import FILES, Source
from search.environment import environment
from search.finalists import Finalist, choose_finalists, jobs_count, rescore, winner
from search.job import Job
from search.place import Place, SearchBroken, TrialPlan
from search.progress import Progress
from search.records import (
    DataRecord,
    FinalistScore,
    SearchOutcome,
    StageTimes,
    TrialRecord,
    save_outcome,
    save_predictions,
)
from search.retrain import FinalData, FinalPlan, Finals, job_count, retrain
from search.run_folder import RunFolder
from search.seeds import Stream, derive
from search.settings import Settings
from search.storage import StudySpec, open_study, sqlite_url


@dataclass(frozen=True, slots=True)
class _Data:
    source: Source
    splits: TrainingSplits


@dataclass(frozen=True, slots=True)
class _Site:
    """A place to train, and what it is made of."""

    place: Place
    size: ClusterSize
    each: TrialResources
    concurrent: int


@dataclass(frozen=True, slots=True)
class _Searched:
    """What the search found: every trial, the finalists' fresh scores, and the winner."""

    trials: tuple[TrialRecord, ...]
    scores: tuple[FinalistScore, ...]
    best: Finalist


class Pipeline:
    """One search, from data to outcome."""

    def __init__(self, settings: Settings, folder: RunFolder, progress: Progress, command: str) -> None:
        self._settings, self._folder, self._progress, self._command = settings, folder, progress, command
        self._plan = TrialPlan(settings.trials, settings.epochs, settings.seed)
        self._seconds: dict[str, float] = {}
        self._started = _now()

    def run(self) -> None:
        """Every stage. Leaves trials.csv, outcome.json, predictions.npz and models/ in the run folder."""
        with self._timed("data"):
            data = self._data()
        with _site(self._settings) as site:
            self._introduce(site)
            with self._timed("search"):
                trials = self._trials(site.place, data.splits)
            with self._timed("finalists"):
                searched = self._finalists(site.place, trials, data.splits)
            with self._timed("retrain"):
                finals = self._finals(site.place, searched.best, data)
        save_predictions(finals.predictions, self._folder.path / "predictions.npz")
        save_outcome(self._outcome(data, site.size, searched, finals), self._folder.path / "outcome.json")

    def _data(self) -> _Data:
        source = find_source(Path(self._settings.data_dir) if self._settings.data_dir else None)
        seed = derive(self._settings.seed, Stream.SPLIT, 0)
        splits = load_training(source, seed=seed, size=self._settings.train_size)
        counts = f"{len(splits.train):,} images to train on, {len(splits.validation):,} to validate on"
        self._progress.stage("data", f"{counts}, from {source.kind}, split {splits.sha256[:8]}")
        return _Data(source, splits)

    def _introduce(self, site: _Site) -> None:
        self._progress.stage("model", f"the reference: {REFERENCE.multiply_adds():,} multiply-adds an image")
        gpus = f" and {_count(site.each.gpus, 'GPU')}" if site.each.gpus else ""
        each = f"{_count(site.each.cpus, 'CPU')}{gpus} each, up to {_count(self._plan.epochs, 'epoch')}"
        self._progress.stage("trial", f"{each}, {site.concurrent} at a time")

    def _trials(self, place: Place, splits: TrainingSplits) -> tuple[TrialRecord, ...]:
        settings = self._settings
        url = settings.storage or sqlite_url(self._folder.study_file())
        spec = StudySpec(
            name=settings.name,
            url=url,
            sampler=settings.sampler,
            pruner=settings.pruner,
            seed=settings.seed,
            epochs=settings.epochs,
            split_sha256=splits.sha256,
        )
        study = open_study(spec, self._progress)
        self._folder.write_config(settings)
        self._progress.stage(
            "search", f"{_count(settings.trials, 'trial')}, sampler {settings.sampler}, pruner {settings.pruner}"
        )
        try:
            with self._progress.counting(settings.trials):
                place.run_trials(study, splits, self._plan)
        finally:
            study.fail_unfinished("interrupted")
            self._folder.write_trials(study.records())
        counts = study.counts()
        ended = f"{counts.complete} complete, {counts.pruned} pruned, {counts.failed} failed"
        self._progress.say(f"  {ended}; {_count(counts.epochs, 'epoch')}")
        return study.records()

    def _finalists(self, place: Place, trials: tuple[TrialRecord, ...], splits: TrainingSplits) -> _Searched:
        finalists = choose_finalists(trials, self._settings.finalists)
        if not finalists:
            raise SearchBroken(
                f"Some trial must complete. Received: none of {len(trials)}. Their reasons are in trials.csv."
            )
        total = jobs_count(len(finalists))
        self._progress.stage(
            "retrain", f"{_count(len(finalists), 'finalist')} on fresh seeds, {_count(total, 'training')}"
        )
        with self._progress.counting(total):
            scores = rescore(place, finalists, splits, self._plan, self._counter())
        for score in scores:
            self._progress.say(
                f"  trial {score.trial}: {score.search_value:.4f} in the search, {score.mean():.4f} on fresh seeds"
            )
        won = winner(scores).trial
        return _Searched(trials, scores, next(finalist for finalist in finalists if finalist.trial == won))

    def _finals(self, place: Place, best: Finalist, data: _Data) -> Finals:
        plan = FinalPlan(self._settings.epochs, self._settings.retrain_seeds, self._settings.seed)
        total = job_count(best.config, plan)
        size = f"{_count(plan.seeds, 'seed')}, {_count(total, 'training')}"
        self._progress.say(f"  reference and trial {best.trial} on all training images, {size}")
        with self._progress.counting(total):
            final_data = FinalData(data.source, data.splits, self._folder.path)
            return retrain(place, best.config, final_data, plan, self._counter())

    def _outcome(self, data: _Data, size: ClusterSize, searched: _Searched, finals: Finals) -> SearchOutcome:
        return SearchOutcome(
            study=self._settings.name,
            command=self._command,
            settings=self._settings.to_dict(),
            started=self._started,
            ended=_now(),
            data=_data_record(data, finals),
            environment=environment(size),
            times=StageTimes(**{f"{stage}_seconds": seconds for stage, seconds in self._seconds.items()}),
            trials=searched.trials,
            finalists=searched.scores,
            best_trial=searched.best.trial,
            best_config=searched.best.config,
            reference_config=REFERENCE,
            finals=finals.runs,
        )

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._seconds[stage] = time.perf_counter() - start

    def _counter(self) -> Callable[[Job], None]:
        """Counts trainings as they end."""
        numbers = itertools.count(1)
        return lambda job: self._progress.trained(job.label, next(numbers))


@contextmanager
def _site(settings: Settings) -> Iterator[_Site]:
    if settings.local:
        # TensorFlow spreads one training over every core here
        from search.in_process import InProcess

        size = ClusterSize(cpus=float(os.cpu_count() or 1), gpus=0.0, nodes=1)
        yield _Site(InProcess(), size, TrialResources(size.cpus, 0.0), 1)
        return
    # Ray loads here, so that --local works without it
    from cluster.connect import connected

    with connected(settings.address) as size:
        from search.on_ray import OnRay

        each = trial_resources(size, settings.cpus_per_trial, settings.gpus_per_trial)
        concurrent = settings.max_concurrent or concurrent_trials(size, each)
        yield _Site(OnRay(each, concurrent), size, each, concurrent)


def _data_record(data: _Data, finals: Finals) -> DataRecord:
    return DataRecord(
        source=data.source.kind,
        file_sha256=FILES,
        split_sha256=data.splits.sha256,
        test_sha256=finals.test_sha256,
        train_count=len(data.splits.train),
        validation_count=len(data.splits.validation),
        test_count=len(finals.predictions.labels),
    )


def _count(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'' if number == 1 else 's'}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")

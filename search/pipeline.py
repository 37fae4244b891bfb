"""The stages of a search in their order: data, model, trial, search, retrain. Each leaves what it found on disk,
and one that finds its result there does not make it again."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fashion_model.config import REFERENCE
from fashion_model.data import TrainingSplits, find_source, load_training
from fashion_model.source import FILES, Source, local_source
from search.faults import Cause, Fault, SearchBroken
from search.findings import Findings, Searched
from search.interrupt import TimeIsUp, as_raised, time_limit
from search.places.site import Site, sites
from search.progress import Progress
from search.records import DataRecord, TrialRecord, save_outcome, save_predictions, save_state
from search.run_folder import RunFolder
from search.seeds import Stream, derive
from search.sessions import Sessions
from search.settings import Settings
from search.stages.finalists import choose_finalists, jobs_count, rescore, winner
from search.stages.retrain import FinalData, FinalPlan, Finals, job_count, retrain
from search.stages.trainings import Trainings
from search.trials.assignment import TrialPlan
from search.trials.checkpoints import CheckpointStore
from search.trials.job import Job
from search.trials.trial import checkpoint_key

if TYPE_CHECKING:  # Optuna and SQLAlchemy load while Ray starts: see _read
    from search.study import Counts, SearchStudy


@dataclass(frozen=True, slots=True)
class _Data:
    """Where the images come from, and how those to train on are split."""

    source: Source
    splits: TrainingSplits


class Pipeline:
    """One search, from data to outcome, in this session or going on from one before it."""

    def __init__(self, settings: Settings, folder: RunFolder, progress: Progress, command: str) -> None:
        self._settings, self._folder, self._progress = settings, folder, progress
        self._plan = TrialPlan(settings.trials, settings.epochs, settings.seed, settings.trial_timeout)
        self._store = _checkpoints(settings, folder)
        self._resumed, self._opened = folder.is_kept(), False
        self._sessions = Sessions(folder.path / "sessions.json", command)
        self._findings = Findings(settings, self._sessions)

    def run(self) -> int:
        """Every stage. Returns how many trials there are.

        Leaves trials.csv, outcome.json, predictions.npz and models/ in the run folder; where it ends early, trials.csv
        and state.json.
        """
        try:
            with as_raised():
                return self._run()
        except BaseException as error:
            self._leave_state(error)
            raise

    def _run(self) -> int:
        with sites(self._settings, self._store) as site:
            with self._sessions.timed("data"):
                data = self._data(site)
            trials = self._search(site, data)
            trainings = Trainings(self._folder.path / "trainings", lambda: site().place, self._store)
            with self._sessions.timed("finalists"):
                searched = self._finalists(trainings, trials, data)
            with self._sessions.timed("retrain"):
                finals = self._retrain(trainings, searched, data)
            outcome = self._findings.outcome(_data_record(data, finals), site().size(), searched, finals.runs)
        save_predictions(finals.predictions, self._folder.path / "predictions.npz")
        save_outcome(outcome, self._folder.outcome_file())
        self._folder.state_file().unlink(missing_ok=True)
        self._store.remove()
        return len(searched.trials)

    def _data(self, site: Callable[[], Site]) -> _Data:
        with ThreadPoolExecutor(1) as beside:
            reading = beside.submit(self._read)
            if self._is_sure_to_train():
                site()
            data = reading.result()
        splits = data.splits
        counts = f"{len(splits.train):,} images to train on, {len(splits.validation):,} to validate on"
        self._progress.stage("data", f"{counts}, from {data.source.kind}, split {splits.sha256[:8]}")
        return data

    def _read(self) -> _Data:
        """The images, and with them the modules that read and write a study: what Ray's start leaves time for."""
        source = find_source(self._data_dir())
        seed = derive(self._settings.seed, Stream.SPLIT, 0)
        splits = load_training(source, seed=seed, size=self._settings.train_size)
        import search.opening  # noqa: F401

        return _Data(source, splits)

    def _data_dir(self) -> Path | None:
        return Path(self._settings.data_dir) if self._settings.data_dir else None

    def _is_sure_to_train(self) -> bool:
        """Whether hardly anything can be in the way: a resumed run may be done, images may have to come over a network,
        and what is written elsewhere than in the run's own folder is tried before Ray starts."""
        elsewhere = self._settings.storage is not None or self._settings.storage_path is not None
        return not self._resumed and not elsewhere and local_source(self._data_dir()) is not None

    def _introduce(self, site: Site) -> None:
        self._progress.stage("model", f"the reference: {REFERENCE.multiply_adds():,} multiply-adds an image")
        gpus = f" and {_count(site.each.gpus, 'GPU')}" if site.each.gpus else ""
        each = f"{_count(site.each.cpus, 'CPU')}{gpus} each, up to {_count(self._plan.epochs, 'epoch')}"
        measured = f"; {site.measured}" if site.measured else ""
        grown = " once the cluster has grown" if site.grows else ""
        self._progress.stage("trial", f"{each}, {site.concurrent} at a time{grown}{measured}")

    def _search(self, site: Callable[[], Site], data: _Data) -> tuple[TrialRecord, ...]:
        from search.opening import StudySpec, open_study

        spec = StudySpec.of(self._settings, self._folder.study_file(), data.splits.sha256)
        with spec.lock.held() if self._settings.storage else nullcontext():  # the folder's own lock is held already
            self._require_checkpoints()
            study = open_study(spec, self, exists=self._resumed)
            self._folder.write_config(self._settings)
            self._opened = True
            try:
                self._trials(site, study, data)
            finally:
                self._end_search(study)
        return self._findings.trials

    def _trials(self, site: Callable[[], Site], study: SearchStudy, data: _Data) -> None:
        settings, before = self._settings, study.counts.ended()
        if before >= settings.trials:
            self._progress.stage("search", f"it already has {_count(before, 'trial')}")
            return
        self._introduce(site())
        has = f", {before} of them done" if before else ""
        what = f"{_count(settings.trials, 'trial')}{has}, sampler {settings.sampler}, pruner {settings.pruner}"
        self._progress.stage("search", what)
        with self._sessions.timed("search"), self._progress.counting(settings.trials, done=before):
            try:
                with time_limit(settings.time_budget):
                    site().place.run_trials(study, data.splits, self._plan)
            except TimeIsUp:
                self._progress.warn(f"the time budget is used up after {_count(study.counts.ended(), 'trial')}")

    def _end_search(self, study: SearchStudy) -> None:
        study.fail_unfinished(Fault(Cause.INTERRUPTED))
        self._findings.trials, self._findings.lost = study.records(), study.lost()
        self._findings.waiting = study.waiting()
        study.close()
        with suppress(OSError) if study.broken else nullcontext():  # a full disk: the error under way says so
            self._folder.write_trials(self._findings.trials)
        counts = study.counts
        ended = f"{counts.complete} complete, {counts.pruned} pruned, {counts.failed} failed"
        self._progress.say(f"  {ended}; {_count(counts.epochs, 'epoch')}")

    def _require_checkpoints(self) -> None:
        """The place for checkpoints must be writable; a new study finds none of another's there."""
        if not self._resumed:
            self._store.remove()
        self._store.require_writable()

    def _finalists(self, trainings: Trainings, trials: tuple[TrialRecord, ...], data: _Data) -> Searched:
        self._findings.stage = "finalists"
        finalists = choose_finalists(trials, self._settings.finalists)
        if not finalists:
            raise SearchBroken(
                f"Some trial must complete. Received: none of {len(trials)}. Their reasons are in trials.csv."
            )
        total = jobs_count(len(finalists))
        what = f"{_count(len(finalists), 'finalist')} on fresh seeds, {_count(total, 'training')}"
        self._progress.stage("retrain", what)
        with self._progress.counting(total):
            scores = rescore(trainings, finalists, data.splits, self._plan, self._counter())
        for score in scores:
            told = f"{score.search_value:.4f} in the search, {score.mean():.4f} on fresh seeds"
            self._progress.say(f"  trial {score.trial}: {told}")
        self._findings.scores = scores
        won = winner(scores).trial
        return Searched(trials, scores, next(finalist for finalist in finalists if finalist.trial == won))

    def _retrain(self, trainings: Trainings, searched: Searched, data: _Data) -> Finals:
        self._findings.stage = "retrain"
        plan = FinalPlan(self._settings.epochs, self._settings.retrain_seeds, self._settings.seed)
        total = job_count(searched.best.config, plan)
        size = f"{_count(plan.seeds, 'seed')}, {_count(total, 'training')}"
        self._progress.say(f"  reference and trial {searched.best.trial} on all training images, {size}")
        with self._progress.counting(total):
            final_data = FinalData(data.source, data.splits, self._folder.path)
            return retrain(trainings, searched.best.config, final_data, plan, self._counter())

    def _leave_state(self, error: BaseException) -> None:
        """For the report so far, and for --resume; where the disk is full, the study alone must do."""
        if self._opened:
            with suppress(OSError):
                self._sessions.write()
                save_state(self._findings.state(error), self._folder.state_file())

    def _counter(self) -> Callable[[Job], None]:
        """Counts trainings as they end."""
        numbers = itertools.count(1)

        def count(job: Job) -> None:
            self._sessions.write()
            self._progress.trained(job.label, next(numbers))

        return count

    def changed(self, counts: Counts) -> None:
        """See Observer."""
        self._progress.changed(counts)

    def ended(self, record: TrialRecord) -> None:
        """See Observer. What was kept of the trial to go on from is needed no more."""
        self._progress.ended(record)
        self._store.remove(checkpoint_key(record.lineage if record.lineage is not None else record.number))
        with suppress(OSError):  # a full disk: it is the study that says so
            self._sessions.write()

    def starts_again(self, record: TrialRecord) -> None:
        """See Observer."""
        self._progress.starts_again(record)


def _checkpoints(settings: Settings, folder: RunFolder) -> CheckpointStore:
    if settings.storage_path is None:
        return CheckpointStore(str(folder.path))
    root = settings.storage_path if "://" in settings.storage_path else str(Path(settings.storage_path).resolve())
    return CheckpointStore(root, f"{settings.name}/checkpoints")


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

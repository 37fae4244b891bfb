"""The stages model, trial and search: the trials of the study, from where they stand to the number asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from fashion_model.config import REFERENCE
from fashion_model.network import network_of
from reports.records import now
from search.command.process.interrupt import TimeIsUp, time_limit
from search.command.settings import counted
from search.places.place import Site
from search.stages.data import Data
from search.stages.run import Run
from search.study.storage.heartbeat import Beat, Driver, Heartbeat
from search.worker.faults import Cause, Fault

if TYPE_CHECKING:
    from search.study.study import SearchStudy


def search(run: Run, site: Callable[[], Site], data: Data) -> None:
    """Open the study and run its trials. Leaves their records in `run`, and in trials.csv.

    Raises:
        SettingsError: when the study has other terms.
        StorageError: when the study or the checkpoints cannot be read or written.
        SearchBroken: when no trial can be brought to an end.
    """
    from search.run_folder.earlier import Earlier, read_earlier  # loaded by now: see stages/data.py
    from search.study.open_study import StudySpec, open_study
    from search.study.space import usual_size
    from search.study.storage.database import Database, sqlite_url
    from search.study.storage.lock import StudyLock

    database = Database(run.settings.storage or sqlite_url(run.folder.study_file()))
    lock = StudyLock(database, run.settings.name)
    with lock.held() if run.settings.storage else nullcontext():  # the folder's own lock is held already
        if not run.is_resumed:
            run.store.remove()  # a new study finds no checkpoints of another's
        run.store.require_writable()
        warm = run.settings.warm_start and not run.is_resumed
        earlier = read_earlier(run.settings, data.splits.sha256, data.source.task) if warm else ()
        if run.settings.size is None:  # kept with the run, so that resuming it elsewhere changes nothing
            if run.settings.storage:
                database.close(database.connect())  # refused before Ray starts
            run.settings = replace(run.settings, size=usual_size(site().each.gpus))
        spec = StudySpec.of(run.settings, lock, run.folder.path, data.splits.sha256, data.source.task)
        if warm:
            chosen = Earlier.within(spec.space, earlier)
            spec = replace(spec, earlier=chosen.trials)
            run.progress.say(f"  {chosen.in_words()}")
        study = open_study(spec, run, exists=run.is_resumed)
        run.folder.write_config(run.settings)
        run.is_open = True
        run.end = Heartbeat(database, spec.name, lambda: _beat(run)).end
        try:
            _run_trials(run, site, study, data)
        finally:
            _close(run, study)


def _run_trials(run: Run, site: Callable[[], Site], study: SearchStudy, data: Data) -> None:
    from search.study.played import played_trials

    settings, before = run.settings, study.counts.ended()
    for record in study.records():
        run.cost.ended(record)
    run.cost.places = site().concurrent
    if before >= settings.trials:
        run.progress.stage("search", f"it already has {counted(before, 'trial')}")
        return
    run.cost.expect(played_trials(settings, run.task))
    introduce(run, site())
    has = f", {before} of them done" if before else ""
    what = f"{counted(settings.trials, 'trial')}{has}, sampler {settings.sampler}, pruner {settings.pruner}"
    what += f", objective {settings.objective}" if settings.has_cost() else ""
    run.progress.stage("search", what)
    with run.sessions.timed("search"), run.progress.counting(settings.trials, done=before):
        try:
            with time_limit(run.budget.limit()):
                site().place.run_trials(study, data.splits, run.plan)
        except TimeIsUp:
            ended = counted(study.counts.ended(), "trial")
            run.progress.say(f"  the search ends after {ended}, so that the rest fits into the time budget")


def introduce(run: Run, site: Site) -> None:
    """Say what a trial is, what it takes, and how many run at a time."""
    cost = network_of(REFERENCE, run.task).multiply_adds
    run.progress.stage("model", f"the reference: {cost:,} multiply-adds an image")
    gpus = f" and {counted(site.each.gpus, 'GPU')}" if site.each.gpus else ""
    each = f"{counted(site.each.cpus, 'CPU')}{gpus} each, up to {counted(run.plan.epochs, 'epoch')}"
    measured = f"; {site.measured}" if site.measured else ""
    more, asked = ", more as machines come" if site.grows else "", run.settings.max_concurrent or 0
    if asked > site.concurrent and not site.grows:
        more = f" (--max-concurrent {asked}: no more fit now)"
    run.progress.stage("trial", f"{each}, {site.concurrent} at a time{more}{measured}")


def _beat(run: Run) -> Beat:
    """Where the run stands, for those who look into its study."""
    if run.progress.is_training():
        run.progress.epochs(run.store.epochs())
    return Beat(
        driver=Driver.this(run.sessions.now()),
        moment=now("milliseconds"),
        standing=run.progress.standing(),
        trials=run.settings.trials,
        epochs=run.settings.epochs,
        resume=run.settings.resume_command(),
    )


def _close(run: Run, study: SearchStudy) -> None:
    try:
        study.fail_unfinished(Fault(Cause.INTERRUPTED))
    finally:  # where the database does not take that, the records are known all the same
        run.trials, run.lost, run.waiting = study.records(), study.lost(), study.waiting()
        run.warm_started = study.warm_started
        study.close()
    with suppress(OSError) if study.broken else nullcontext():  # a full disk: the error under way says so
        run.folder.write_trials((*run.warm_started, *run.trials))
    counts = study.counts
    ended = f"{counts.complete} complete, {counts.pruned} pruned, {counts.failed} failed"
    run.progress.say(f"  {ended}; {counted(counts.epochs, 'epoch')}")

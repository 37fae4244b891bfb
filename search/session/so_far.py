"""The state of a run that has not ended, made from its study: while a driver works on it, or after one was killed."""

from __future__ import annotations

from pathlib import Path

from fashion_model.task import FASHION_MNIST
from reports.records import SearchState, now, save_record
from search.command.settings import Settings
from search.command.settings_files import read_run
from search.run_folder.folder import RunFolder
from search.run_folder.sessions import Sessions
from search.stages.data import named_source
from search.study.storage.database import Database, sqlite_url
from search.study.storage.overview import StoredStudy, opened, read_study
from search.worker.faults import StorageError


def write_state(run_dir: Path, storage: str | None = None) -> None:
    """Write state.json from the study, unless a driver that ended in its own time has written it.

    `storage` is the URL of the study's database, where the run's own settings do not hold its password.

    Raises:
        SettingsError: when the run's settings cannot be read.
        StorageError: when the study cannot be read.
    """
    folder = RunFolder(run_dir)
    settings = Settings(**read_run(run_dir / "config.json"))
    database = Database(storage or settings.storage or sqlite_url(folder.study_file()))
    try:
        with opened(database) as there:
            study = read_study(there, settings.name)
    except StorageError:
        if folder.state_file().exists():
            return
        raise
    if study.state() != "stopped" or not folder.state_file().exists():
        save_record(_state(settings, study, Sessions(run_dir / "sessions.json", "")), folder.state_file())


def _state(settings: Settings, study: StoredStudy, sessions: Sessions) -> SearchState:
    stage = study.beat.standing.stage if study.beat else "search"
    source = named_source(settings) if settings.data else None
    return SearchState(
        study=settings.name,
        command=sessions.commands().strip(),
        settings=settings.to_dict(),
        started=sessions.started(),
        saved=now(),
        ending=_ending(study),
        resume=settings.resume_command(),
        trials_planned=settings.trials,
        stage="search" if stage == "starting" else stage,
        trials=study.records(),
        waiting=study.waiting(),
        task=source.task if source else FASHION_MNIST,
        warm_started=study.warm_started(),
    )


def _ending(study: StoredStudy) -> str:
    """See SearchState."""
    beat = study.beat
    if beat is None:
        return "the search has not ended"
    return {
        "running": f"the search is under way ({beat.standing.stage} {beat.standing.done}/{beat.standing.total})",
        "dead": f"killed without a word after {beat.moment}",
    }.get(study.state(), beat.ending)

"""Where a run stands, as an attribute of its study, `progress`: a thread of the driver writes it every ten seconds.

Whoever reads the study (search.status) sees by it what is under way, and that a driver is dead. A beat that cannot be
written is left out: nothing depends on it.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from search.command.terminal.progress import Standing

if TYPE_CHECKING:
    from search.study.storage.database import Database  # with Optuna, which loads while Ray starts

PROGRESS: Final = "progress"
FINISHED: Final = "finished"
_BEAT_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 1.0  # how often the epochs of trainings are looked for
_LAST_SECONDS: Final = 5.0  # for the last beat
_SILENCE: Final = 60.0  # seconds without a beat after which a driver counts as dead
_SPACE: Final = Path("/proc/self/ns/pid")  # Linux: a process id means nothing in another container


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """The process that drives a study: its host, the space of its process id, and when it began (ISO-8601 UTC)."""

    host: str
    space: str
    pid: int
    started: str

    @classmethod
    def this(cls, started: str) -> Self:
        """This process."""
        return cls(host=socket.gethostname(), space=_space(), pid=os.getpid(), started=started)

    def is_gone(self) -> bool:
        """Whether it is known to have ended; of another machine's nothing is known."""
        if (self.host, self.space) != (socket.gethostname(), _space()):
            return False
        try:
            os.kill(self.pid, 0)
        except OSError as error:
            return isinstance(error, ProcessLookupError)
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """Where a run stood at a `moment` (ISO-8601 UTC), the trials and epochs asked of it, and the command that resumes
    it. `ending` says how its driver ended: FINISHED, why it stopped, or nothing, as while it works."""

    driver: Driver
    moment: str
    standing: Standing
    trials: int
    epochs: int
    resume: str
    ending: str = ""

    def age(self) -> float:
        """Seconds since."""
        return (datetime.now(UTC) - datetime.fromisoformat(self.moment)).total_seconds()

    def is_dead(self) -> bool:
        """Whether the driver has ended without a word."""
        return not self.ending and (self.age() > _SILENCE or self.driver.is_gone())


class Heartbeat:
    """Has `beat` look where the run stands, every second, and writes what it says to the study every ten."""

    def __init__(self, database: Database, study: str, beat: Callable[[], Beat]) -> None:
        self._database, self._study, self._beat = database, study, beat
        self._end, self._ending = threading.Event(), ""
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def end(self, ending: str) -> None:
        """Write the last beat, if the database takes it within seconds."""
        self._ending = ending
        self._end.set()
        self._thread.join(_LAST_SECONDS)

    def _run(self) -> None:
        import optuna
        import sqlalchemy

        from search.worker.faults import StorageError

        failures = (StorageError, optuna.exceptions.StorageInternalError, sqlalchemy.exc.SQLAlchemyError, KeyError)
        while not self._end.is_set():
            with suppress(*failures):
                self._connected()

    def _connected(self) -> None:
        """Beat until the end, or until a beat cannot be written."""
        self._end.wait(_LOOK_SECONDS)
        file = self._database.file()
        if file is not None and not file.exists():
            return  # it would be made anew
        storage = self._database.connect()
        try:
            study = storage.get_study_id_from_name(self._study)
            looks = 0
            while True:
                is_last = self._end.is_set()
                beat = replace(self._beat(), ending=self._ending)
                if is_last or looks % (_BEAT_SECONDS // _LOOK_SECONDS) == 0:
                    storage.set_study_user_attr(study, PROGRESS, asdict(beat))
                if is_last:
                    return
                looks += 1
                self._end.wait(_LOOK_SECONDS)
        finally:
            self._database.close(storage)


def _space() -> str:
    with suppress(OSError):
        return str(_SPACE.readlink())
    return ""

"""The wall time of a run, stage by stage, over every command that worked on it: `sessions.json`.

Written after each trial and each training, so that a driver that is killed leaves all but the last minutes.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Literal

from reports.records import StageTimes, load_record, now, save_record

_SCHEMA: Final = 1
_ONLY_RESUME: Final = re.compile(r"python -m search\.run --resume( [^-]\S*)?")
StageName = Literal["data", "search", "finalists", "ablation", "retrain"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One command that worked on the run, when it started (ISO-8601 UTC), and its stages' wall seconds."""

    command: str
    started: str
    times: StageTimes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    sessions: tuple[Session, ...]
    schema: int = _SCHEMA


class Sessions:
    """The sessions of a run so far, this one being the last."""

    def __init__(self, file: Path, command: str) -> None:
        """Read those before this one.

        Raises:
            RecordError: when the file is there and damaged.
        """
        self._file = file
        before = load_record(_Stored, file, _SCHEMA, "the sessions of a run", "").sessions if file.exists() else ()
        self._before = before
        none = StageTimes(data_seconds=0.0, search_seconds=0.0, finalists_seconds=0.0, retrain_seconds=0.0)
        self._now = Session(command=command, started=now(), times=none)
        self._stage: StageName | None = None
        self._stage_start = 0.0

    @contextmanager
    def timed(self, stage: StageName) -> Iterator[None]:
        """Count the body's wall time to a stage."""
        self._stage, self._stage_start = stage, time.perf_counter()
        try:
            yield
        finally:
            self._add_up()
            self._stage = None

    def write(self) -> None:
        """Write the file, the stage under way counted up to now."""
        self._add_up()
        save_record(_Stored(sessions=(*self._before, self._now)), self._file)

    def times(self) -> StageTimes:
        """Each stage's wall seconds, all sessions together."""
        every = [asdict(session.times) for session in (*self._before, self._now)]
        return StageTimes(**{name: sum(times[name] for times in every) for name in every[0]})

    def commands(self) -> str:
        """The commands that made the run, a line each, without those that only went on with it."""
        every = [session.command for session in (*self._before, self._now)]
        return "\n".join(command for command in every if not _ONLY_RESUME.fullmatch(command))

    def started(self) -> str:
        """When the first session started, ISO-8601 UTC."""
        return (*self._before, self._now)[0].started

    def now(self) -> str:
        """When this session started, ISO-8601 UTC."""
        return self._now.started

    def _add_up(self) -> None:
        if self._stage is None:
            return
        now = time.perf_counter()
        name = f"{self._stage}_seconds"
        spent = getattr(self._now.times, name) + now - self._stage_start
        self._now = replace(self._now, times=replace(self._now.times, **{name: spent}))
        self._stage_start = now

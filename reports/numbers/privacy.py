"""Keeps host names, local folders and credentials out of a page that others will see. Workers become "worker 1"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.records import TrialRecord

_CREDENTIALS = re.compile(r"(?<=://)[^@/\s]+(?=@)")
_FOLDERS = re.compile(r"(?:(?<![\w.:/~])|(?<=sqlite:///)|(?<=file://))~?/(?:[\w.+@-]+/)*(?=[\w.+@-])")
_ADDRESSES = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")
_URL_HOSTS = re.compile(r"(?<=://)[^/\s]+")  # with what is left of its credentials; or a bucket
_SHORTEST_HOST = 4


@dataclass(frozen=True, slots=True)
class WorkerNames:
    """Worker strings of a study, in order of first use; worker i is shown as "worker i+1"."""

    workers: tuple[str, ...]

    def label(self, worker: str) -> str:
        """The shown name; an em dash where no worker took the trial."""
        return f"worker {self.workers.index(worker) + 1}" if worker in self.workers else "—"

    def clean(self, text: str) -> str:
        """Free text of a trial without worker names, hosts, folders and credentials."""
        for worker in sorted(self.workers, key=len, reverse=True):
            text = text.replace(worker, self.label(worker))
        for host in sorted(self._hosts(), key=len, reverse=True):
            text = re.sub(rf"(?<![\w-]){re.escape(host)}(?![\w-])", "host", text)
        text = _ADDRESSES.sub("host", text)
        return without_folders(without_credentials(text))

    def _hosts(self) -> set[str]:
        hosts = {re.split(r"[\s:/#(]", worker, maxsplit=1)[0] for worker in self.workers}
        return {host for host in hosts if len(host) >= _SHORTEST_HOST}


def worker_names(trials: Sequence[TrialRecord], lost: Sequence[TrialRecord] = ()) -> WorkerNames:
    """The workers in the order of their first trials; workers that ran only attempts that were lost come last."""
    return WorkerNames(tuple(dict.fromkeys((*_in_order(trials), *_in_order(lost)))))


def _in_order(trials: Sequence[TrialRecord]) -> list[str]:
    taken = sorted((trial.work.started, trial.number, trial.work.worker) for trial in trials if trial.work.worker)
    return [worker for _, _, worker in taken]


def without_credentials(text: str) -> str:
    """`scheme://user:password@host` as `scheme://…@host`."""
    return _CREDENTIALS.sub("…", text)


def without_folders(text: str) -> str:
    """Absolute paths reduced to their last part: `/a/b/c.db` as `…/c.db`."""
    return _FOLDERS.sub("…/", text)


@dataclass(frozen=True, slots=True)
class Fact:
    """A name and its value, both as text."""

    name: str
    value: str


def setting_facts(settings: Mapping[str, Any], command: str) -> tuple[Fact, ...]:
    """Every setting by name: passwords masked, hosts and folders hidden unless the command itself names them."""
    return tuple(Fact(name, _setting(name, value, command)) for name, value in sorted(settings.items()))


def _setting(name: str, value: object, command: str) -> str:
    text = "—" if value is None else "yes" if value is True else "no" if value is False else str(value)
    text = without_credentials(text)
    if text in without_credentials(command):
        return text
    if name == "address" and value is not None:
        return "…"  # a host that came from the environment
    return _URL_HOSTS.sub("…", without_folders(text))

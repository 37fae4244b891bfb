"""A folder of a cluster's head through the Jobs API alone, where there is no SSH: KubeRay's service, or any Ray.

A job there packs the folder beside its own log, and Ray's log API, which serves that place, sends it: the same address
and the same token. A job's log itself is text, kept for ever and shown in the dashboard; a shared disk or an object
store would have to be reachable, and readable, from this computer too.

    python -m cluster.client.archive FOLDER NAME.zip      what the job runs
"""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from cluster.client.jobs import Connection, Jobs, last_line
from cluster.internals import log_file
from cluster.startable import ConnectError

_NOT_THERE: Final = 4
_POLL_SECONDS: Final = 1.0
_LEFT_THERE: Final = "checkpoints"  # states of trainings under way: large, and of use only there


def fetch(connection: Connection, there: str, name: str, here: Path) -> None:
    """Copy the folder `there` of the head to the folder `here`; the archive on the way is called `name`.

    Raises:
        ConnectError: when it is not there, or does not arrive whole.
    """
    archive = f"{name}.zip"
    job_id = f"fetch-{name}-{time.time_ns()}"
    command = f"exec python -m cluster.client.archive {there} {shlex.quote(archive)}"
    connection.ask(lambda jobs: jobs.submit(job_id, command, {}))
    while not (job := connection.ask(lambda jobs: jobs.get(job_id))).is_over():
        time.sleep(_POLL_SECONDS)
    if job.code():
        received = last_line(connection.ask(lambda jobs: jobs.log(job_id)))
        raise ConnectError(f"The run folder must be there to be fetched. Received: {received}.")
    with tempfile.TemporaryFile() as file:
        connection.ask(lambda jobs: _download(jobs, job.node, archive, file))
        try:
            with zipfile.ZipFile(file) as packed:
                here.mkdir(mode=0o700, parents=True, exist_ok=True)  # its owner's, as every run is
                packed.extractall(here)  # names that lead out of the folder are made harmless; checks every CRC
        except zipfile.BadZipFile as error:
            raise ConnectError(f"The run folder must arrive whole. Received: {error}. Fetch it again.") from error


def _download(jobs: Jobs, node: str, name: str, file: IO[bytes]) -> None:
    file.seek(0)
    file.truncate()
    with jobs.open(log_file(node, name)) as answer:
        shutil.copyfileobj(answer, file)


def pack(folder: Path, archive: Path) -> None:
    """Pack a folder, all but its checkpoints, beside the archive and then moved."""
    part = archive.with_suffix(".part")
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for path in sorted(folder.rglob("*")):
                inside = path.relative_to(folder)
                if path.is_file() and inside.parts[0] != _LEFT_THERE:
                    packed.write(path, inside)
        part.replace(archive)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def main() -> int:
    """Pack a folder into Ray's log folder, which is where this job's own output goes."""
    folder, name = Path(sys.argv[1]), sys.argv[2]
    if not folder.is_dir():
        print(f"no folder {folder} on this head", file=sys.stderr)
        return _NOT_THERE
    pack(folder, Path("/proc/self/fd/1").resolve().parent / name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

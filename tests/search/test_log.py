"""log.txt takes everything that is printed, by C code and children too, and the terminal comes back."""

from __future__ import annotations

from pathlib import Path

from tests.processes import python

CODE = """
import os, subprocess, sys
from pathlib import Path
from search.command.terminal.log import noise_to
with noise_to(Path(sys.argv[1])) as terminal:
    print("from print")
    os.write(2, b"from C\\n")
    subprocess.run(["sh", "-c", "echo from a child"], check=True)
    print("for the person", file=terminal)
print("result")
print("message", file=sys.stderr)
"""


def test_noise_goes_to_the_log_and_the_terminal_gets_the_rest(tmp_path: Path) -> None:
    result = python("-c", CODE, tmp_path / "log.txt")
    assert result.stdout == "result\n"
    assert result.stderr == "for the person\nmessage\n"
    log = (tmp_path / "log.txt").read_text(encoding="utf-8")
    assert sorted(log.splitlines()) == ["from C", "from a child", "from print"]
    assert (tmp_path / "log.txt").stat().st_mode & 0o077 == 0

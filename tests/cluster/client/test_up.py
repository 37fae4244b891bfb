"""What is read from a cluster's file before `ray up`. Starting it for real: tests/lab."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cluster.check.document import DocumentError
from cluster.client.jobs import find_token
from cluster.client.up import Launcher
from cluster.startable import ConnectError

FILE = """\
provider: {type: aws}
metadata:
  storage_path: s3://bucket/path
file_mounts:
  ~/.ray/auth_token: ~/.ray/auth_token
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "c.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_says_where_checkpoints_may_lie_and_whether_a_token_travels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = Launcher(written(tmp_path, FILE))
    assert file.storage_path() == "s3://bucket/path"
    assert file.token_file() == tmp_path / ".ray" / "auth_token"
    plain = Launcher(written(tmp_path, "# ~/.ray/auth_token is where a token would be\nprovider: {type: aws}\n"))
    assert (plain.storage_path(), plain.token_file()) == (None, None)
    other = Launcher(written(tmp_path, FILE.replace("auth_token: ~/.ray/auth_token", "auth_token: ~/secrets/search")))
    assert other.token_file() == tmp_path / "secrets" / "search"


def test_every_placeholder_is_told_with_its_line_and_comments_are_none(tmp_path: Path) -> None:
    text = "# FILL-IN is yours\na: FILL-IN-user\nprovider: {type: aws}   # FILL-IN\nc: [sg-FILL-IN]\n"
    with pytest.raises(DocumentError, match=r"line 2: FILL-IN-user, line 4: sg-FILL-IN\.") as refused:
        Launcher(written(tmp_path, text))
    assert "line 1" not in str(refused.value)
    assert "line 3" not in str(refused.value)


def test_a_file_for_kuberay_is_refused_with_the_way_to_use_it() -> None:
    shipped = Path(__file__).resolve().parents[3] / "cluster" / "kuberay.yaml"
    with pytest.raises(DocumentError, match=r"which is KubeRay's\. Apply it with kubectl and give --address\."):
        Launcher(shipped)


def test_the_clusters_own_token_wins_then_the_environments_then_the_users_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.delenv("RAY_AUTH_TOKEN_PATH", raising=False)
    assert find_token(None) is None
    (tmp_path / ".ray").mkdir()
    mine = tmp_path / ".ray" / "auth_token"
    mine.write_text("mine\n", encoding="utf-8")
    assert find_token(None) == "mine"
    named = tmp_path / "named"
    named.write_text("named", encoding="utf-8")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(named))
    assert find_token(None) == "named"
    monkeypatch.setenv("RAY_AUTH_TOKEN", "environment")
    assert find_token(None) == "environment"
    assert find_token(mine) == "mine", "it is the one that the nodes have"


def ray_that(folder: Path, **codes: int) -> str:
    """A `ray` whose commands end with these codes; the others with 0."""
    cases = "".join(
        f"{word.replace('_', '-')}) echo 'no credentials' >&2; exit {code};;" for word, code in codes.items()
    )
    path = folder / "ray"
    path.write_text(f'#!/bin/sh\ncase "$1" in {cases} esac\n', encoding="utf-8")
    path.chmod(0o755)
    return str(path)


HEAD_HERE = """\
#!/bin/bash
case "$1" in exec) bash -c "$3";; rsync-up) cp -a "$3." "$4";; esac
"""


@pytest.mark.parametrize(("of_the_head", "left"), [(None, "here"), (100, "here"), (300, "there")])
def test_a_run_folder_is_sent_unless_the_head_has_a_newer_one(
    of_the_head: int | None, left: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ray").write_text(HEAD_HERE, encoding="utf-8")
    (tmp_path / "ray").chmod(0o755)
    monkeypatch.setattr("cluster.client.up.RAY", str(tmp_path / "ray"))
    (tmp_path / "there+sent").mkdir()
    (tmp_path / "there+sent" / "study.db-wal").touch()  # of a copy that was cut off
    for name, worked_on in {"here": 200, "there": of_the_head}.items():
        if worked_on is not None:
            (tmp_path / name).mkdir()
            (tmp_path / name / "sessions.json").write_text(name, encoding="utf-8")
            os.utime(tmp_path / name / "sessions.json", (worked_on, worked_on))
            (tmp_path / name / f"only-{name}").touch()
    Launcher(written(tmp_path, FILE)).send(tmp_path / "here", str(tmp_path / "there"))
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == [f"only-{left}", "sessions.json"]
    assert not (tmp_path / "there+sent").exists()


def test_whether_a_head_is_up_depends_on_exit_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launcher = Launcher(written(tmp_path, FILE))
    monkeypatch.setattr("cluster.client.up.RAY", ray_that(tmp_path))
    assert launcher.is_up()
    monkeypatch.setattr("cluster.client.up.RAY", ray_that(tmp_path, get_head_ip=1))
    assert not launcher.is_up()
    monkeypatch.setattr("cluster.client.up.RAY", ray_that(tmp_path, get_head_ip=1, get_worker_ips=1))
    with pytest.raises(ConnectError, match=r"must say which machines are up. Received: no credentials. Check the cred"):
        launcher.is_up()

"""Checkpoints: the newest and the one before it, what is damaged set aside; a place that fails costs only epochs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from pyarrow import fs

from search.worker import checkpoints
from search.worker.checkpoints import CheckpointStore
from search.worker.faults import StorageError

from ..disk import fill, make_read_only


def folder_of(store: CheckpointStore) -> Path:
    return Path(store.root) / store.folder


def names(store: CheckpointStore, key: str = "a") -> list[str]:
    folder = folder_of(store) / key
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_there_is_nothing_to_load_at_first_and_nothing_is_made(store: CheckpointStore) -> None:
    checkpoints = store.of("a")
    assert (checkpoints.load(), checkpoints.note()) == (None, "")
    assert not folder_of(store).exists()


def test_the_newest_state_is_loaded_and_the_one_before_it_is_kept(store: CheckpointStore) -> None:
    checkpoints = store.of("a")
    for epoch in range(1, 5):
        checkpoints.save(epoch, b"state %d" % epoch)
    assert names(store) == ["epoch-0003.state", "epoch-0004.state"]
    assert store.of("a").load() == b"state 4"
    assert store.of("b").load() is None


def test_epochs_are_ordered_as_numbers(store: CheckpointStore) -> None:
    for epoch in (9_999, 10_000):
        store.of("a").save(epoch, b"state %d" % epoch)
    assert store.of("a").load() == b"state 10000"


def test_what_was_begun_and_not_ended_is_no_state(store: CheckpointStore) -> None:
    store.of("a").save(1, b"state 1")
    (folder_of(store) / "a" / ".epoch-0002.part").write_bytes(b"sta")
    (folder_of(store) / "a" / "epoch-0003.state.tmp").write_bytes(b"sta")
    assert store.of("a").load() == b"state 1"


def test_a_discarded_state_is_set_aside_and_the_one_before_it_is_next(store: CheckpointStore) -> None:
    checkpoints = store.of("a")
    for epoch in (1, 2):
        checkpoints.save(epoch, b"state %d" % epoch)
    assert checkpoints.load() == b"state 2"
    checkpoints.discard("it is damaged")
    assert names(store) == ["epoch-0001.state", "epoch-0002.damaged"]
    assert (folder_of(store) / "a" / "epoch-0002.damaged").read_bytes() == b"state 2"
    assert checkpoints.load() == b"state 1"
    checkpoints.discard("this too")
    assert checkpoints.load() is None
    expected = "checkpoint after epoch 2 discarded: it is damaged; checkpoint after epoch 1 discarded: this too"
    assert checkpoints.note() == expected
    checkpoints.save(2, b"a better state 2")
    assert checkpoints.load() == b"a better state 2"


def test_nothing_is_discarded_before_something_is_loaded(store: CheckpointStore) -> None:
    checkpoints = store.of("a")
    checkpoints.save(1, b"state 1")
    checkpoints.discard("never looked at")
    assert (names(store), checkpoints.note()) == (["epoch-0001.state"], "")


def test_one_training_or_all_are_removed_and_what_is_not_there_is_no_error(store: CheckpointStore) -> None:
    for key in ("a", "b", "c"):
        store.of(key).save(1, b"state")
    store.remove("a")
    store.remove("never there")
    assert (names(store, "a"), names(store, "b")) == ([], ["epoch-0001.state"])
    store.remove()
    store.remove()
    assert not folder_of(store).exists()


def test_a_file_system_may_be_named_by_its_uri(tmp_path: Path) -> None:
    by_uri = CheckpointStore(f"file://{tmp_path}/there")
    by_uri.require_writable()
    by_uri.of("a").save(1, b"state")
    assert CheckpointStore(str(tmp_path / "there")).of("a").load() == b"state"
    by_uri.remove("a")
    assert by_uri.of("a").load() is None


def test_a_writable_place_is_left_empty_by_the_probe(store: CheckpointStore) -> None:
    store.require_writable()
    assert list(folder_of(store).iterdir()) == []


@pytest.mark.parametrize("root", ["{tmp}/a-file", "nosuch://bucket/folder", "{tmp}/a-file/below"])
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_trained(root: str, tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("in the way")
    place = CheckpointStore(root.format(tmp=tmp_path))
    place.remove()  # a new search does so first, and finds nothing
    for write in (place.require_writable, place.mark):
        with pytest.raises(
            StorageError, match=r"^Checkpoints must be writable\. Received: .*Check --storage-path\.$"
        ) as error:
            write()
        assert f"Received: {place.root}: " in str(error.value)


def test_a_place_that_cannot_be_written_later_leaves_a_note_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "a-file").write_text("in the way")
    checkpoints = CheckpointStore(str(tmp_path / "a-file")).of("a")
    for epoch in range(1, 4):
        checkpoints.save(epoch, b"state")
    assert checkpoints.load() is None
    assert checkpoints.note().startswith("checkpoint not written: ")
    assert checkpoints.note().count("checkpoint not written") == 1  # told once, not once an epoch
    CheckpointStore(str(tmp_path / "a-file")).remove("a")


def test_a_place_that_the_network_does_not_show_at_first_costs_states_and_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Arrow does it for a bucket without a region."""

    def unreachable(uri: str) -> None:
        raise OSError(f"no route to {uri}")

    with monkeypatch.context() as network:
        network.setattr(fs, "FileSystem", SimpleNamespace(from_uri=unreachable))
        store = CheckpointStore(f"file://{tmp_path}/there")
        stored = store.of("a")
        stored.save(1, b"state 1")
        stored.write_memory(10**9)
        assert (stored.load(), stored.take_memory()) == (None, 0)
        store.remove("a")
    stored.save(2, b"state 2")
    assert stored.load() == b"state 2"
    why = f"no route to file://{tmp_path}/there"
    assert stored.note() == f"checkpoint not written: {why}; checkpoints not listed: {why}"


def test_on_a_full_disk_the_states_before_stay_and_no_part_takes_up_space(small_disk: Path) -> None:
    store = CheckpointStore(str(small_disk))
    checkpoints = store.of("a")
    checkpoints.save(1, b"state 1")
    checkpoints.save(2, b"state 2")
    filler = fill(small_disk, leave=64 * 1024)
    checkpoints.save(3, bytes(256 * 1024))
    assert "checkpoint not written: " in checkpoints.note()
    assert "No space left" in checkpoints.note()
    assert names(store) == ["epoch-0001.state", "epoch-0002.state"]
    assert store.of("a").load() == b"state 2"
    filler.unlink()
    checkpoints.save(3, bytes(256 * 1024))
    assert names(store) == ["epoch-0002.state", "epoch-0003.state"]


def test_where_nothing_can_be_moved_a_discarded_state_is_still_not_loaded_again(small_disk: Path) -> None:
    store = CheckpointStore(str(small_disk))
    for epoch in (1, 2):
        store.of("a").save(epoch, b"state %d" % epoch)
    make_read_only(small_disk)
    checkpoints = store.of("a")
    assert checkpoints.load() == b"state 2"
    checkpoints.discard("it is damaged")
    assert checkpoints.load() == b"state 1"
    checkpoints.discard("this too")
    assert checkpoints.load() is None
    assert "checkpoint after epoch 2 discarded: it is damaged; discarded checkpoint not moved: " in checkpoints.note()
    store.remove()  # it stays, and that is no error
    assert names(store) == ["epoch-0001.state", "epoch-0002.state"]


def test_where_the_newest_state_cannot_be_read_the_one_before_it_is_loaded(store: CheckpointStore) -> None:
    checkpoints = store.of("a")
    checkpoints.save(1, b"one")
    (folder_of(store) / "a" / "epoch-0002.state").mkdir()  # a folder, where a file should be
    assert checkpoints.load() == b"one"
    assert checkpoints.note().startswith("checkpoint not read: ")


def test_a_driver_s_mark_is_found_in_its_place_and_missed_in_another(
    store: CheckpointStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "_PAUSE_SECONDS", 0.0)
    mark = store.mark()
    assert store.missing(mark) == ""
    elsewhere = CheckpointStore(str(tmp_path / "elsewhere"))
    assert "No such file" in elsewhere.missing(mark)
    other = elsewhere.mark()
    assert other != mark
    assert elsewhere.missing(mark) == "another driver's mark"
    (folder_of(elsewhere) / ".driver").write_bytes(b"")
    assert elsewhere.missing(mark) == "an empty file"


def test_a_mark_that_shows_late_is_waited_for(store: CheckpointStore, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = store.mark()
    file = folder_of(store) / ".driver"
    file.unlink()
    monkeypatch.setattr("time.sleep", lambda seconds: file.write_text(mark) if seconds else None)
    assert store.missing(mark) == ""


def test_the_memory_that_a_training_held_is_taken_once_as_it_was_written_last(store: CheckpointStore) -> None:
    assert store.of("trial-1").take_memory() == 0
    for held in (10**9, 3 * 10**9):
        store.of("trial-1").write_memory(held)
    assert [store.of("trial-1").take_memory() for _ in range(2)] == [3 * 10**9, 0]
    assert store.of("trial-1").load() is None
    assert store.of("trial-2").take_memory() == 0

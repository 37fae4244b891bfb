"""Seeds: functions of (seed, stream, index), all different."""

from __future__ import annotations

from search.worker.seeds import Stream, derive


def test_a_seed_depends_on_seed_stream_and_index_only() -> None:
    assert derive(0, Stream.TRIAL, 7) == derive(0, Stream.TRIAL, 7) == 253989330
    assert derive(1, Stream.TRIAL, 7) != derive(0, Stream.TRIAL, 7)


def test_no_two_purposes_share_a_seed() -> None:
    seeds = [derive(seed, stream, index) for seed in range(5) for stream in Stream for index in range(200)]
    assert len(set(seeds)) == len(seeds)


def test_every_seed_is_one_that_numpy_and_keras_take() -> None:
    assert all(0 <= derive(2**32 - 1, stream, 10_000) < 2**32 for stream in Stream)

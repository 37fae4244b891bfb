"""A training's share of a GPU's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from fashion_model.training.devices import limit_mib, total_mib

from ...processes import python

LIMITED = """
import tensorflow as tf
from fashion_model.training import devices
devices.share_gpu(0.25)
devices.share_gpu(0.25)
assert devices.prepare_device().xla
device, = tf.config.get_logical_device_configuration(tf.config.list_physical_devices("GPU")[0])
assert device.memory_limit == devices.limit_mib(devices.total_mib(), 0.25), device
assert float(tf.reduce_sum(tf.ones((8, 8)))) == 64
"""


def test_what_cuda_itself_takes_is_set_aside_from_the_share() -> None:
    assert limit_mib(81_559, 0.25) == 20_389 - 768
    assert limit_mib(16_384, 0.5) == 8_192 - 768
    assert limit_mib(2_048, 0.25) == 256  # a training needs something


@pytest.mark.parametrize(
    ("visible", "asked"), [(None, ""), ("1", " --id 1"), ("GPU-8a,GPU-9b", " --id GPU-8a"), ("", "")]
)
def test_the_memory_asked_for_is_that_of_the_first_visible_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, visible: str | None, asked: str
) -> None:
    command = tmp_path / "nvidia-smi"
    command.write_text(f'#!/bin/sh\necho "$*" > {tmp_path}/asked\necho 24564\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert total_mib() == 24_564
    told = (tmp_path / "asked").read_text(encoding="utf-8").strip()
    assert told == f"--query-gpu=memory.total --format=csv,noheader,nounits{asked}"


@pytest.mark.parametrize("script", ["exit 9", "echo No devices were found", "true"])
def test_where_nothing_tells_there_is_no_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert total_mib() is None


@pytest.mark.gpu
def test_a_quarter_of_a_gpu_is_all_that_tensorflow_takes() -> None:
    """In a process of its own: TensorFlow takes a limit before its first operation only."""
    if total_mib() is None:
        pytest.skip("needs a GPU that nvidia-smi knows")
    done = python("-c", LIMITED)
    assert done.returncode == 0, done.stderr

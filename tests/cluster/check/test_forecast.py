"""What a cluster's file can hold and cost: numbers worked out by hand."""

from __future__ import annotations

import gzip
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cluster.check.cluster_file import gpus_of, read
from cluster.check.forecast import Forecast, Size, describe, forecast
from tests.cluster.conftest import Changed


def of(path: Path) -> Forecast:
    return forecast(read(path))


def size(nodes: int, gpus: float | None, usd: float | None) -> Size:
    close: Any = None if usd is None else pytest.approx(usd)
    return Size(nodes=nodes, gpus=gpus, usd_per_hour=close)


def test_at_most_the_dearest_types_grow_first_and_eight_workers_are_the_limit(changed: Changed) -> None:
    # the head, two on demand, six spot
    assert of(changed("config.yaml")) == Forecast(
        at_rest=size(1, 0, 0.192), at_most=size(9, 32, 0.192 + 2 * 5.672 + 6 * 2.27)
    )


def test_without_a_limit_on_the_whole_every_type_grows_to_its_own(changed: Changed) -> None:
    path = changed("config.yaml", "max_workers: 8              #", "max_workers: 99              #")
    assert of(path).at_most == size(11, 40, 0.192 + 2 * 5.672 + 8 * 2.27)


def test_workers_that_are_always_there_are_paid_for_at_rest(changed: Changed) -> None:
    path = changed("config.yaml", "    min_workers: 0\n    max_workers: 2 ", "    min_workers: 1\n    max_workers: 2 ")
    assert of(path).at_rest == size(2, 4, 0.192 + 5.672)


def test_resources_that_are_given_count_before_the_instance_type(changed: Changed) -> None:
    path = changed("config.yaml", "resources: {}               #", "resources: {GPU: 8}               #")
    assert of(path).at_most.gpus == 64


def test_machines_of_ones_own_are_there_when_trials_wait(changed: Changed) -> None:
    path = changed("on-prem.yaml", "{head: 0, worker: 0}", "{head: 0.1, worker: 0.5}")
    assert of(path) == Forecast(at_rest=size(1, 0, 0.1), at_most=size(3, 8, 1.1))


def test_pods_are_counted_by_their_limits_and_priced_by_their_annotations(changed: Changed) -> None:
    assert of(changed("kuberay.yaml")) == Forecast(at_rest=size(1, 0, 0.2), at_most=size(9, 32, 0.2 + 8 * 2.27))


def test_a_missing_price_or_number_of_gpus_is_unknown_and_not_zero(changed: Changed) -> None:
    assert of(changed("config.yaml", "worker.gpu.spot: 2.27, ", "")).at_most == size(9, 32, None)
    assert of(changed("on-prem.yaml", ", GPU: 4}", "}")).at_most == size(3, None, 0)


@pytest.mark.parametrize(("name", "line"), [("config.yaml", "\nmax_workers: 8 "), ("gcp.yaml", "\nmax_workers: 8\n")])
def test_a_clouds_file_without_a_maximum_gets_rays_own_of_two_workers(changed: Changed, name: str, line: str) -> None:
    assert of(changed(name, line, line.replace("max", "# max"))).at_most.nodes == 3


def test_one_gpu_is_told_as_one_and_an_unknown_number_as_unknown(changed: Changed) -> None:
    one = describe(read(changed("on-prem.yaml", ", GPU: 4}", ", GPU: 1}")))
    unknown = describe(read(changed("on-prem.yaml", ", GPU: 4}", "}")))
    assert (one.count("1 GPU each"), unknown.count("GPUs unknown  ")) == (1, 1)


def test_machines_of_ones_own_without_gpus_run_trials_too(changed: Changed) -> None:
    without = describe(read(changed("on-prem.yaml", ", GPU: 4}", ", GPU: 0}")))
    assert without.splitlines()[-2:] == [
        "at rest: 1 node, no GPU, no trial, 0.00 USD an hour",
        "at most: 3 nodes, no GPU, 0.00 USD an hour",
    ]


def test_the_forecast_reads_as_a_table_and_two_lines(changed: Changed) -> None:
    assert describe(read(changed("gcp.yaml"))).splitlines() == [
        "head.cpu             e2-standard-4   1 node        no GPU       0.13 USD an hour each",
        "worker.gpu.spot      g2-standard-48  0 to 8 nodes  4 GPUs each  1.60 USD an hour each",
        "worker.gpu.ondemand  g2-standard-48  0 to 2 nodes  4 GPUs each  4.00 USD an hour each",
        "at rest: 1 node, no GPU, no trial, 0.13 USD an hour",
        "at most: 9 nodes, 32 GPUs, 32 trials at once with one GPU each, 17.73 USD an hour",
    ]


def test_the_table_of_instance_types_is_awss() -> None:
    """moto carries AWS's own answer to DescribeInstanceTypes."""
    moto = find_spec("moto")
    assert moto is not None
    assert moto.submodule_search_locations
    answer = Path(moto.submodule_search_locations[0]) / "ec2" / "resources" / "instance_types.json.gz"
    types = json.loads(gzip.decompress(answer.read_bytes()))
    gpus = {name: sum(gpu["Count"] for gpu in told.get("GpuInfo", {}).get("Gpus", [])) for name, told in types.items()}
    assert len(gpus) > 1000
    assert {name: gpus_of(name) for name in gpus} == gpus

"""What a worker imports as soon as Ray has started it, while the driver still waits for Ray: see cluster/connect.py."""

from cluster.connect import uncollected

with uncollected():  # Ray Tune comes with it
    from search.places.ray_worker import load

load()

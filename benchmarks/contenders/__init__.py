"""The contenders, each a command that does one job and ends: `python -m benchmarks.contenders.NAME JOB`.

Each prints one line of JSON on its standard output, `{"training_seconds": [...]}`: the seconds of each configuration
in its training: network, graph, epochs and validation. All train the same networks, built by fashion_model.model.
"""

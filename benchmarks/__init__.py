"""What the service does with the hardware, beside what users would otherwise pick: `make bench`.

    throughput      two jobs through six contenders, in turn
    time_to_good    the best model over time, with the same budget in wall time
    scale           100 to 10,000 trials that only sleep
    memory          200 trials through one worker

Each is a command, `python -m benchmarks.NAME`, prints a table and writes docs/performance/NAME.json; `benchmarks.page`
puts the tables into docs/performance.md.
"""

import os
from typing import Final

# What others are started with, or each process below this one would load TensorFlow as fashion_model has it: the user's
# own value, else an empty one, for which TensorFlow takes its default.
AS_IT_COMES: Final = {"TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "")}

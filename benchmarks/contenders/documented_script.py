"""(a) The documented script: one configuration after another in one process, on all cores."""

import sys

from benchmarks.contenders.plain_fit import arrays, fit
from benchmarks.contenders.told import tell
from benchmarks.jobs import JOBS

if __name__ == "__main__":
    job = JOBS[sys.argv[1]]
    data = arrays(job)
    tell([fit(config, job, data)[0] for config in job.points()])

"""The command `python -m cluster.check`: see examine.py."""

import sys

from cluster.check.examine import main

sys.exit(main())

"""How the best configuration is found: space, trials, study, retraining, and the command that runs them.

From Python: `from search import Settings, run_search` (search/session/api.py).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from search.command import __version__ as __version__

if TYPE_CHECKING:
    from search.command.settings import Settings as Settings
    from search.session.api import FoundBest as FoundBest
    from search.session.api import SearchFailed as SearchFailed
    from search.session.api import run_search as run_search


def __getattr__(name: str) -> Any:
    """What search/session/api.py offers, loaded when it is asked for: the commands import this package without it."""
    if name in ("FoundBest", "SearchFailed", "Settings", "run_search"):
        return getattr(import_module("search.session.api"), name)
    raise AttributeError(f"module 'search' has no attribute {name!r}")

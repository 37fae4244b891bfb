"""Other libraries' private and undocumented names stand in one internals.py for each library, and nowhere else.

The syntax trees of all packages are searched for what begins with an underscore or lies in a module that its library
does not document: in imports, attributes, and the strings that getattr, import_module and their like are given.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parents[1]
PACKAGES: Final = ("fashion_model", "search", "cluster", "reports")
INTERNALS: Final = {
    "cluster/internals.py": "ray",
    "search/study/internals.py": "optuna",
    "fashion_model/training/internals.py": "tensorflow",
}
# Each has a page in its library's reference: docs.ray.io, optuna.readthedocs.io, keras.io, tensorflow.org
DOCUMENTED: Final = {
    "ray": {
        "ray", "ray.autoscaler.sdk", "ray.exceptions", "ray.job_submission", "ray.tune", "ray.tune.experiment",
        "ray.tune.experiment.trial", "ray.tune.schedulers", "ray.tune.search", "ray.util", "ray.util.placement_group",
        "ray.util.scheduling_strategies", "ray.util.state",
    },
    "optuna": {
        "optuna", "optuna.distributions", "optuna.exceptions", "optuna.logging", "optuna.pruners", "optuna.samplers",
        "optuna.storages", "optuna.study", "optuna.trial",
    },
    "keras": {"keras"},
    "tensorflow": {"tensorflow"},
}  # fmt: skip
LIBRARIES: Final = frozenset({*DOCUMENTED, "sqlalchemy", "scipy", "sklearn", "matplotlib", "pyarrow", "numpy", "rich"})
# Of Python itself: os._exit is documented, and argparse has no other word for the type of its groups
PYTHONS_OWN: Final = frozenset({"_exit", "_ArgumentGroup"})
BY_NAME: Final = frozenset({"getattr", "setattr", "hasattr", "delattr", "import_module", "find_spec", "__import__"})


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def undocumented(module: str) -> bool:
    """Whether a module is private, or none of its library's documented ones."""
    library = module.partition(".")[0]
    return library in LIBRARIES and (
        is_private(module) or (library in DOCUMENTED and module not in DOCUMENTED[library])
    )


def own_names(tree: ast.AST) -> set[str]:
    """The private names that a file itself defines: methods, fields, module variables, what it assigns on self."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _is_self(node.value):
            names.add(node.attr)
    return names


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("self", "cls")


def foreign_names(tree: ast.AST) -> Iterator[str]:
    """What a file uses of other libraries that it should not."""
    own = own_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if undocumented(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module:
            members = [f"{node.module}.{alias.name}" for alias in node.names]
            of_library = node.module.partition(".")[0] in LIBRARIES
            yield from ([node.module] if undocumented(node.module) else [])
            yield from (member for member in members if of_library and is_private(member.rpartition(".")[2]))
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in own | PYTHONS_OWN:
            yield node.attr
        elif isinstance(node, ast.Call):
            yield from (text for text in _names_given(node) if text not in own)


def _names_given(call: ast.Call) -> Iterator[str]:
    function = call.func
    name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
    if name in BY_NAME:
        for argument in call.args:
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                text = argument.value
                if is_private(text) or undocumented(text):
                    yield text


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


@pytest.mark.parametrize(
    "code",
    [
        "import ray._private.worker",
        "from ray._private import state",
        "from ray.tune.execution import class_cache",
        "import ray.tune.execution.class_cache",
        "from optuna.samplers import _tpe",
        "study._storage",
        "a.b().c._trial_id = 1",
        "getattr(study, '_storage')",
        "setattr(controller, '_reuse_actors', False)",
        "importlib.import_module('ray._private.state')",
        "import_module('tensorflow.python.framework.ops')",
        "from tensorflow.python.framework import ops",
        "import keras.src",
    ],
)
def test_a_private_or_undocumented_name_is_found(code: str) -> None:
    assert list(foreign_names(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "import ray.tune\nfrom ray import tune",
        "class A:\n def __init__(self): self._x = 1\n def f(self, other): return other._x + self._x",
        "from optuna.trial import FrozenTrial\nFrozenTrial.__name__",
        "getattr(study, 'trials')",
    ],
)
def test_a_documented_name_and_one_of_the_files_own_are_not(code: str) -> None:
    assert not list(foreign_names(ast.parse(code)))


def test_no_package_uses_another_librarys_private_names_outside_of_internals() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        if str(path.relative_to(ROOT)) not in INTERNALS
        for name in foreign_names(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert len(sources()) > 80
    assert found == set()


@pytest.mark.parametrize(("file", "library"), INTERNALS.items())
def test_an_internals_file_is_of_one_library_and_each_of_its_names_is_in_the_structure(file: str, library: str) -> None:
    if not (ROOT / file).exists():
        return  # nothing of that library's is needed
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    modules = {name.partition(".")[0] for name in foreign_names(tree) if name.partition(".")[0] in LIBRARIES}
    assert modules <= {library}
    structure = (ROOT / "docs" / "structure.md").read_text(encoding="utf-8")
    functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef) and not is_private(node.name)]
    assert functions
    assert [name for name in functions if f"`{name}`" not in structure] == []

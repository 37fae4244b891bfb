"""What is declared, locked and imported agrees; and the house rules that no tool checks.

House rules: files of at most 300 lines, function bodies of at most 50, at most 6 arguments (more means a dataclass is
missing), the module docstring first, no drawer for leftovers.
"""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("fashion_model", "search", "cluster", "reports")
SOURCES = sorted(path for package in (*PACKAGES, "benchmarks") for path in (ROOT / package).rglob("*.py"))
LOCK_LINE = re.compile(
    r"\s*#.*"  # a comment
    r"|[A-Za-z0-9._-]+==\S+( ; [^\\]+)? \\"  # a pin, perhaps with a marker; its hashes follow
    r"|    --hash=sha256:[0-9a-f]{64}( \\)?"
    r"|"
)
MAX_FILE_LINES = 300
MAX_BODY_LINES = 50
MAX_ARGUMENTS = 6

Function = ast.FunctionDef | ast.AsyncFunctionDef


def requirements(*extras: str) -> list[Requirement]:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [
        *declared["dependencies"],
        *(line for extra in extras for line in declared["optional-dependencies"][extra]),
    ]
    return [Requirement(line) for line in lines]


def pins(lock: str) -> dict[str, str]:
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {
        canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.MULTILINE)
    }


@cache
def trees() -> list[tuple[str, ast.Module]]:
    return [(str(path.relative_to(ROOT)), ast.parse(path.read_text(encoding="utf-8"))) for path in SOURCES]


def functions() -> Iterator[tuple[str, Function]]:
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield f"{name}:{node.lineno} {node.name}", node


def imported_modules(tree: ast.Module) -> set[str]:
    """Top-level names of the absolute imports, those inside functions included."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize(("lock", "extras"), [("requirements.lock", ()), ("requirements-dev.lock", ("dev",))])
def test_the_lock_files_satisfy_the_declared_ranges(lock: str, extras: tuple[str, ...]) -> None:
    pinned = pins(lock)
    outside = [
        f"{wanted} (locked: {pinned.get(canonicalize_name(wanted.name))})"
        for wanted in requirements(*extras)
        if pinned.get(canonicalize_name(wanted.name), "0") not in wanted.specifier
    ]
    assert outside == [], "run `make lock`"


def test_the_dev_lock_holds_the_runtime_lock() -> None:
    assert pins("requirements.lock").items() <= pins("requirements-dev.lock").items()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock", "requirements-uv.lock"])
def test_every_pin_has_hashes_no_index_is_named_and_the_header_says_how_it_is_made(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "make lock" in text[:200]
    assert [line for line in text.splitlines() if not LOCK_LINE.fullmatch(line)] == []
    assert "://" not in text
    for block in re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in block, block.split()[0]


def test_every_import_is_declared() -> None:
    distributions = {"mlflow": ["mlflow-skinny"], **importlib.metadata.packages_distributions()}
    extras = ("gp", "postgres", "aws", "bench", "dashboard", "mlflow")
    declared = {canonicalize_name(wanted.name) for wanted in requirements(*extras)}
    own = {*PACKAGES, "benchmarks", *sys.stdlib_module_names}
    undeclared = [
        f"{name}: {module}"
        for name, tree in trees()
        for module in sorted(imported_modules(tree) - own)
        if canonicalize_name(module) not in declared
        and not {canonicalize_name(d) for d in distributions.get(module, [])} & declared
    ]
    assert undeclared == [], "declare the package in pyproject.toml and run `make lock`"


def test_the_tests_take_psycopg_in_the_range_that_the_extra_offers() -> None:
    assert {str(wanted) for wanted in requirements("postgres")} <= {str(wanted) for wanted in requirements("dev")}


def test_the_fast_tests_leave_out_every_marker() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["pytest"]["ini_options"]
    expression = re.search(r'pytest [^"\n]*-m "([^"]+)"', (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert expression is not None
    assert set(expression[1].split(" and ")) == {f"not {marker.split(':')[0]}" for marker in settings["markers"]}


def test_the_linter_of_imports_knows_every_package() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert set(settings["importlinter"]["root_packages"]) == set(PACKAGES)


def test_files_are_short() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {name: count for name, count in lines.items() if count > MAX_FILE_LINES} == {}


def test_function_bodies_are_short() -> None:
    long = {}
    for name, node in functions():
        first = node.body[min(ast.get_docstring(node) is not None, len(node.body) - 1)]
        length = (node.end_lineno or 0) - first.lineno + 1
        if length > MAX_BODY_LINES:
            long[name] = length
    assert long == {}


def test_functions_take_few_arguments() -> None:
    many = {}
    for name, node in functions():
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = sum(argument.arg not in {"self", "cls"} for argument in every)
        count += sum(argument is not None for argument in (node.args.vararg, node.args.kwarg))
        if count > MAX_ARGUMENTS:
            many[name] = count
    assert many == {}, "a dataclass is missing"


def test_every_module_says_first_what_it_is() -> None:
    assert [name for name, tree in trees() if not ast.get_docstring(tree)] == []


def test_no_file_is_a_drawer_for_leftovers() -> None:
    drawers = {"util", "utils", "common", "helper", "helpers", "misc"}
    assert [str(path.relative_to(ROOT)) for path in SOURCES if path.stem in drawers] == []

"""The wheel as a user installs it: complete, typed, and with its dependencies declared."""

import ast
import re
import shutil
import site
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = {path.relative_to(ROOT).as_posix() for path in ROOT.glob("w2v/**/*.py")}
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
OFFLINE = ("--no-deps", "--no-index")
USE = """
import importlib, pkgutil
import w2v
from w2v import *
from w2v import plots
for module in pkgutil.walk_packages(w2v.__path__, "w2v."):
    if module.name != "w2v.__main__":
        importlib.import_module(module.name)
print(w2v.__version__, w2v.__file__, Word2Vec.__module__, plots.__name__, sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: setuptools writes into the tree that it builds."""
    tree = tmp_path_factory.mktemp("tree")
    shutil.copytree(ROOT / "w2v", tree / "w2v", ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "tests").mkdir()
    (tree / "tests" / "__init__.py").touch()  # not for the wheel
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    subprocess.run(
        [*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", tree / "dist", tree],
        check=True,
    )
    (built,) = (tree / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A fresh environment with the wheel, which also sees the libraries of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    subprocess.run([*PIP, "--python", python, "install", *OFFLINE, wheel], check=True)
    (packages,) = folder.glob("**/site-packages")
    (packages / "libraries.pth").write_text("\n".join(site.getsitepackages()))
    return python


@pytest.fixture(scope="module")
def metadata(wheel, tmp_path_factory) -> Distribution:
    folder = tmp_path_factory.mktemp("unpacked")
    zipfile.ZipFile(wheel).extractall(folder)
    (info,) = folder.glob("*.dist-info")
    return Distribution.at(info)


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def required(metadata: Distribution, extras: bool) -> set[str]:
    """The names of the required packages, of the extras too or of the base alone."""
    lines = [line for line in metadata.requires or [] if extras or "extra ==" not in line]
    return {normalised(re.match(r"[\w.-]+", line)[0]) for line in lines}


def imported_libraries() -> set[str]:
    """The packages that w2v imports, at the top of a module or inside a function."""
    names = set()
    for source in SOURCES:
        for node in ast.walk(ast.parse((ROOT / source).read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add(node.module.partition(".")[0])
    names -= sys.stdlib_module_names | {"w2v"}
    return {normalised({"sklearn": "scikit-learn"}.get(name, name)) for name in names}


def test_the_wheel_holds_every_module_and_nothing_else(wheel):
    files = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert sorted(files) == sorted(SOURCES | {"w2v/py.typed"})


def test_every_module_and_name_is_there_after_the_installation(installed, tmp_path):
    done = subprocess.run(
        [installed, "-c", USE], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    version, file, *modules = done.stdout.splitlines()
    assert f'\nversion = "{version}"\n' in (ROOT / "pyproject.toml").read_text("utf-8")
    assert Path(file).is_relative_to(installed.parents[1])
    assert modules == ["w2v.model", "w2v.show.plots"]


def test_what_is_imported_is_declared(metadata):
    assert imported_libraries() <= required(metadata, extras=True)


def test_the_base_installs_nothing_that_is_not_imported(metadata):
    assert required(metadata, extras=False) <= imported_libraries()


def test_every_declared_package_is_pinned(metadata):
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = {normalised(line.partition("==")[0]) for line in lines if "==" in line}
    assert required(metadata, extras=True) <= pins | {"w2v"}


def test_the_licence_is_an_expression(metadata):
    assert metadata.metadata["License-Expression"] == "MIT"
    assert metadata.metadata["License-File"] == "LICENSE"

"""environment.yml, pyproject.toml and constraints.txt agree."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"torch": "pytorch", "playwright": "playwright-python"}  # the others are named alike
BY_PIP = {"manimgx-fonts", "noto-cjk-sans-jp-regular"}  # conda-forge lacks them; this package brings them
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
PACKAGES = [line for line in CONDA["dependencies"] if isinstance(line, str)]
REQUIREMENTS = [
    Requirement(line) for line in PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
]


def test_conda_has_the_same_packages_with_the_same_bounds():
    wanted = {CONDA_NAMES.get(r.name, r.name): r.specifier for r in REQUIREMENTS if r.name not in BY_PIP}
    lines = [line for line in PACKAGES if line != "pip" and not line.startswith("python=")]
    assert {r.name: r.specifier for r in map(Requirement, lines)} == wanted


def test_conda_python_is_one_that_the_package_takes():
    (python,) = [line.removeprefix("python=") for line in PACKAGES if line.startswith("python=")]
    assert Version(python) in Requirement(f"python{PROJECT['requires-python']}").specifier


def test_conda_takes_packages_from_conda_forge_and_only_this_one_from_pip():
    assert [name for name in CONDA["channels"] if name != "nodefaults"] == ["conda-forge"]
    (pip,) = [line["pip"] for line in CONDA["dependencies"] if isinstance(line, dict)]
    (this,) = [Path(line.split()[-1].partition("[")[0]) for line in pip]
    assert (ROOT / this).resolve() == ROOT


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_every_pin_is_within_its_bounds(requirement):
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split())
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    assert pins[canonicalize_name(requirement.name)] in requirement.specifier

"""environment.yml, pyproject.toml and constraints.txt agree."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"torch": "pytorch", "playwright": "playwright-python"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())


def requirements() -> list[Requirement]:
    lines = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["dev"]
    return [Requirement(line) for line in lines]


def test_conda_has_the_same_packages_with_the_same_bounds():
    wanted = {f"{CONDA_NAMES.get(r.name, r.name)}{r.specifier}" for r in requirements()}
    packages = {line for line in CONDA["dependencies"] if isinstance(line, str)}
    assert {line for line in packages if not re.match(r"(python|pip)\b(?!-)", line)} - wanted == set()
    assert wanted - packages == set()


def test_conda_is_conda_forge_with_a_pinned_python_and_pip_for_this_package_alone():
    assert [name for name in CONDA["channels"] if name != "nodefaults"] == ["conda-forge"]
    (python,) = [line for line in CONDA["dependencies"] if str(line).startswith("python=")]
    assert re.fullmatch(r"python=3\.\d+", python)
    assert Version(python.split("=")[1]) in Requirement(f"python{PROJECT['requires-python']}").specifier
    (pip,) = [line for line in CONDA["dependencies"] if isinstance(line, dict)]
    assert pip == {"pip": ["-e ."]}


def test_every_pin_is_within_its_bounds():
    lines = (ROOT / "constraints.txt").read_text().split()
    pins = {line.split("==")[0].lower(): line.split("==")[1] for line in lines}
    assert pins["torch"] == "2.13.0"
    for requirement in requirements():
        assert pins[requirement.name] in requirement.specifier, requirement.name

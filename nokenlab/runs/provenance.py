"""What made a result: versions, commit."""

import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

from nokenlab.runs.notebooks import ROOT


def versions() -> dict[str, str]:
    """The versions that a run depends on: Python and the packages, those that are installed."""
    import nokenlab

    found = {"python": sys.version.split()[0], "nokenlab": nokenlab.__version__}
    for package in ("torch", "transformers", "papermill"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> dict:
    """The commit of nokenlab's checkout, and whether more than results/ differs; None without git."""

    def git(*args: str) -> str | None:
        done = subprocess.run(["git", "-C", ROOT, *args], capture_output=True, text=True)
        return done.stdout.strip() if done.returncode == 0 else None

    if not (ROOT / ".git").exists() or not shutil.which("git"):
        return {"commit": None, "dirty": None}
    changes = git("status", "--porcelain", "--", ".", ":!results")
    return {"commit": git("rev-parse", "HEAD"), "dirty": None if changes is None else bool(changes)}

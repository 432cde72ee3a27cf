"""Every causal class of transformers, tiny and random, on the page of conformance.

`PYTHONPATH=tests python -m helpers.conform_classes results` writes it, in some minutes.
"""

import sys
import tempfile
from pathlib import Path

import transformers

import nokenlab as nl
from helpers.small_configs import CLASSES, default_config, refusal, save_small
from nokenlab.conformance.runtimes import InLab
from nokenlab.pages.conformance_page import write

if __name__ == "__main__":
    transformers.logging.set_verbosity_error()
    for kind, config_class in sorted(CLASSES.items()):
        if refusal(default_config(config_class)):
            continue
        with tempfile.TemporaryDirectory() as folder:
            lab = nl.load(save_small(kind, Path(folder)), device="cpu", dtype="float32")
            lab.name = "tiny, random"
            print(write(Path(sys.argv[1]), lab, InLab(lab), nl.conform(lab)), kind, flush=True)

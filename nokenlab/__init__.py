"""nokenlab: nokens, vectors no token has, put where a token's embedding goes.

Names are loaded when first used, so that `import nokenlab` and the command line do not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # so that an editor sees them
    from nokenlab import constraints
    from nokenlab.decode.loop import Step
    from nokenlab.interpolation import lerp, slerp
    from nokenlab.lab import Lab
    from nokenlab.learning import Learned, Learner, learn
    from nokenlab.measures import entropy, kl, leading
    from nokenlab.models.loading import load
    from nokenlab.nokens import insert, random_nokens, replace, rescale, shell
    from nokenlab.panels.lerp_slider import LerpSlider
    from nokenlab.panels.noken_explorer import NokenExplorer
    from nokenlab.panels.noken_forge import NokenForge
    from nokenlab.panels.state_reader import StateReader
    from nokenlab.panels.step_sampler import StepSampler
    from nokenlab.panels.territories import Territories
    from nokenlab.panels.token_view import TokenView
    from nokenlab.runs.parameters import check_parameters
    from nokenlab.runs.results import Results
    from nokenlab.saved_nokens import SavedNokens, load_nokens, save_nokens
    from nokenlab.space import EmbeddingSpace

_HOME = {
    "decode.loop": ["Step"],
    "interpolation": ["lerp", "slerp"],
    "lab": ["Lab"],
    "learning": ["Learned", "Learner", "learn"],
    "measures": ["entropy", "kl", "leading"],
    "models.loading": ["load"],
    "nokens": ["insert", "random_nokens", "replace", "rescale", "shell"],
    "panels.lerp_slider": ["LerpSlider"],
    "panels.noken_explorer": ["NokenExplorer"],
    "panels.noken_forge": ["NokenForge"],
    "panels.state_reader": ["StateReader"],
    "panels.step_sampler": ["StepSampler"],
    "panels.territories": ["Territories"],
    "panels.token_view": ["TokenView"],
    "runs.parameters": ["check_parameters"],
    "runs.results": ["Results"],
    "saved_nokens": ["SavedNokens", "load_nokens", "save_nokens"],
    "space": ["EmbeddingSpace"],
}
_MODULES = {name: module for module, names in _HOME.items() for name in names}
__all__ = [
    "EmbeddingSpace",
    "Lab",
    "Learned",
    "Learner",
    "LerpSlider",
    "NokenExplorer",
    "NokenForge",
    "Results",
    "SavedNokens",
    "StateReader",
    "Step",
    "StepSampler",
    "Territories",
    "TokenView",
    "check_parameters",
    "constraints",
    "entropy",
    "insert",
    "kl",
    "leading",
    "learn",
    "lerp",
    "load",
    "load_nokens",
    "random_nokens",
    "replace",
    "rescale",
    "save_nokens",
    "shell",
    "slerp",
]
__version__ = "0.1.0"


def __getattr__(name: str):
    if name == "constraints":  # a module: nl.constraints.at_norm(3.0)
        return import_module("nokenlab.constraints")
    if name in _MODULES:
        return getattr(import_module(f"nokenlab.{_MODULES[name]}"), name)
    raise AttributeError(f"nokenlab has no {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return [*globals(), *__all__]

"""nokenlab: nokens, vectors no token has, put where a token's embedding goes.

Names are loaded when first used, so that `import nokenlab` and the command line do not wait for torch.
"""

from importlib import import_module

_HOME = {
    "load": "models",
    "Lab": "lab",
    "EmbeddingSpace": "space",
    "random_nokens": "nokens",
    "replace": "nokens",
    "insert": "nokens",
    "rescale": "nokens",
    "shell": "nokens",
    "lerp": "nokens",
    "slerp": "nokens",
    "Step": "sampling",
    "Results": "results",
    "entropy": "measures",
    "kl": "measures",
    "leading": "measures",
    "TokenView": "token_view",
    "NokenExplorer": "noken_explorer",
    "LerpSlider": "lerp_slider",
    "StepSampler": "step_sampler",
}
__all__ = sorted(_HOME)
__version__ = "0.1.0"


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(f"nokenlab.{_HOME[name]}"), name)
    raise AttributeError(f"nokenlab has no {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return [*globals(), *__all__]

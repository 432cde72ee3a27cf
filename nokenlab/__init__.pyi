"""The public names and their modules; `__init__.py` loads each when it is first used."""

from . import constraints as constraints
from .conformance.checks import conform as conform
from .decode.step import State as State
from .decode.step import Step as Step
from .exchange import llama_cpp_generate as llama_cpp_generate
from .exchange import load_peft as load_peft
from .exchange import load_vectors as load_vectors
from .exchange import save_peft as save_peft
from .exchange import save_vectors as save_vectors
from .exchange import vllm_prompt as vllm_prompt
from .interpolation import lerp as lerp
from .interpolation import slerp as slerp
from .lab import Lab as Lab
from .learning import Learned as Learned
from .learning import Learner as Learner
from .learning import learn as learn
from .loading import load as load
from .measures import entropy as entropy
from .measures import kl as kl
from .measures import leading as leading
from .nokens import insert as insert
from .nokens import random_nokens as random_nokens
from .nokens import replace as replace
from .nokens import rescale as rescale
from .nokens import shell as shell
from .panels.lerp_slider import LerpSlider as LerpSlider
from .panels.noken_explorer import NokenExplorer as NokenExplorer
from .panels.noken_forge import NokenForge as NokenForge
from .panels.state_reader import StateReader as StateReader
from .panels.step_sampler import StepSampler as StepSampler
from .panels.territories import Territories as Territories
from .panels.token_cloud import TokenCloud as TokenCloud
from .panels.token_view import TokenView as TokenView
from .prompt import fill as fill
from .runs.parameters import check_parameters as check_parameters
from .runs.results import Results as Results
from .saved_nokens import SavedNokens as SavedNokens
from .saved_nokens import load_nokens as load_nokens
from .saved_nokens import save_nokens as save_nokens
from .space import EmbeddingSpace as EmbeddingSpace

__version__: str

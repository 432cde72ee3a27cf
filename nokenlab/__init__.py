"""nokenlab: nokens, vectors no token has, put where a token's embedding goes.

Names are loaded when first used, so that `import nokenlab` and the command line do not wait for torch:
`__init__.pyi` says where each is.
"""

import lazy_loader

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

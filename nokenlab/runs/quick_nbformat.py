"""nbformat, a second sooner.

It imports jsonschema, which imports rfc3987_syntax, where that is installed, and that compiles a grammar of
international web addresses: most of what nbformat's import takes. No notebook has such an address to check.
"""

import sys
from importlib import import_module

GRAMMAR = "rfc3987_syntax"

if put_off := GRAMMAR not in sys.modules:
    sys.modules[GRAMMAR] = None  # to jsonschema it is not installed
nbformat = import_module("nbformat")
if put_off:
    del sys.modules[GRAMMAR]

"""`python -m nokenlab`, the same as `nokenlab`."""

import sys

from nokenlab.cli import main

sys.exit(main())

"""`python tests/hunt`: every bad input tried, and the table of what came."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # hunt, helpers

from hunt.everything import main

sys.exit(main())

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("local", "client")]

from sample_models import models, no_credentials  # noqa: E402, F401

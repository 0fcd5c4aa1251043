"""Runs where the extra [drift] is: numpy, and usearch for what has an index."""

from __future__ import annotations

import pytest

pytest.importorskip("numpy", reason="needs the extra [drift]")

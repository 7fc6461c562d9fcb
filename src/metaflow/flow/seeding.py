"""State of Python's random generator when a flow's file began to import Metaflow.

Compared with the state after the file was imported, it tells whether the flow's module-level code seeded the generator.
"""

from __future__ import annotations

import random

state_at_import = random.getstate()

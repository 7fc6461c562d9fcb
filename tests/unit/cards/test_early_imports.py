"""What the fork server imports early is what rendering needs, all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from importlib import import_module
import metaflow.runtime.child, metaflow.testing.flow_run
from metaflow import FlowSpec, card, current, step
from metaflow.decorators.card import CardDecorator

class F(FlowSpec):
    @card
    @step
    def start(self):
        self.number = 1
        self.rows = [1, 2, 3]
        self.next(self.end)

    @card
    @step
    def end(self):
        current.card.append("# some text")

from metaflow.testing import run_flow
for name in CardDecorator.imported_late:
    import_module(name)
early = set(sys.modules)
result = run_flow(F)
assert "some text" in result.steps["end"][0].cards[0].html
print(*sorted(name for name in set(sys.modules) - early if name.startswith("metaflow.cards")))
"""


def test_hardly_anything_of_cards_is_imported_in_the_task(tmp_path: Path) -> None:
    script = tmp_path / "flow.py"
    script.write_text(CODE)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert len(done.stdout.split()) < 12, done.stdout

"""Take the pictures of the web app that the documents show: ``python docs/images/take_web_pictures.py``.

Runs are made by the flow below, in a directory that is gone afterwards. Chromium must be there, and the pages be built.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

_HERE = Path(__file__).parent
_SIZE = {"width": 1280, "height": 800}
_FLOW = '''
import random
import sys
import time

from metaflow import FlowSpec, Parameter, card, current, retry, step


class ForecastFlow(FlowSpec):
    """Train a model for each region, and keep the forecasts."""

    rate = Parameter("rate", default=0.1, help="learning rate")
    pace = Parameter("pace", default=0.002, help="seconds for an epoch")

    @step
    def start(self):
        self.regions = ["north", "east", "south", "west", "islands", "capital"]
        print("loaded", len(self.regions), "regions")
        self.next(self.train, foreach="regions")

    @retry(times=1, minutes_between_retries=0)
    @card
    @step
    def train(self):
        random.seed(f"{self.input} {self.rate}")
        self.losses = []
        for epoch in range(30):
            time.sleep(self.pace * (1 + len(self.input) / 4))
            self.losses.append(1 / (epoch + 1 + random.random()))
            if epoch % 6 == 0:
                print(f"\\x1b[32mINFO\\x1b[0m  {self.input}: epoch {epoch}, loss {self.losses[-1]:.4f}", flush=True)
        if self.input == "south" and current.retry_count == 0:
            print("\\x1b[33mWARNING\\x1b[0m the optimizer diverged", file=sys.stderr)
            raise ArithmeticError("loss is not finite after epoch 29")
        self.score = 1 - self.losses[-1] - self.rate / 9
        self.next(self.join)

    @step
    def join(self, inputs):
        self.scores = {each.input: round(each.score, 4) for each in inputs}
        self.worst = min(self.scores, key=self.scores.get)
        self.mean_score = sum(self.scores.values()) / len(self.scores)
        self.next(self.publish)

    @step
    def publish(self):
        threshold = 0.88
        if self.mean_score < threshold:
            raise ValueError(f"mean score {self.mean_score:.3f} is below {threshold}: nothing is published")
        self.next(self.end)

    @step
    def end(self):
        print("published", self.scores)


if __name__ == "__main__":
    ForecastFlow()
'''


def _picture(page: Page, name: str) -> None:
    page.wait_for_timeout(1_500)
    image = Image.open(io.BytesIO(page.screenshot()))
    image.convert("RGB").quantize(160, dither=Image.Dither.NONE).save(_HERE / f"{name}.png", optimize=True)


def _made_runs(project: Path) -> list[str]:
    """The ids of the runs that the pictures show, the oldest first; the last one failed."""
    (project / "forecast.py").write_text(_FLOW)
    # As people type it: the command of a run is in the pictures.
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "METAFLOW_USER": "ana", "PATH": path}
    for rate in ("0.05", "0.2", "0.1", "0.9"):
        command = ["python", "forecast.py", "run", "--rate", rate, "--tag", "nightly"]
        subprocess.run(command, cwd=project, env=environment, capture_output=True, check=False)
    return sorted(path.name for path in (project / ".metaflow/mf-store/runs/ForecastFlow").iterdir())


def _take(page: Page, address: str, runs: list[str], scheme: str) -> None:
    root, _, token = address.partition("/ui/#token=")
    page.goto(f"{root}/ui/#token={token}")
    failed = f"runs/ForecastFlow/{runs[-1]}"
    compared = ",".join(f"ForecastFlow/{run}" for run in runs[:3])
    pages = {
        "runs": "",
        "run-failed": failed,
        "run": f"runs/ForecastFlow/{runs[0]}",
        "timeline": f"runs/ForecastFlow/{runs[0]}?view=timeline",
        "graph": f"{failed}?view=graph",
        "tasks": f"{failed}?view=tasks",
        "logs": f"{failed}?view=logs",
        "task": f"runs/ForecastFlow/{runs[0]}/tasks/train/4?tab=artifacts",
        "compare": f"compare?runs={compared}",
        "start": "start/ForecastFlow",
    }
    for name, path in pages.items():
        page.goto(f"{root}/ui/{path}")
        _picture(page, f"web-{name}-{scheme}")


def main() -> None:
    """Make the runs, and take the pictures in light and dark colours."""
    with tempfile.TemporaryDirectory(prefix="forecast-") as folder:
        project = Path(folder) / "forecast"
        project.mkdir()
        runs = _made_runs(project)
        command = [
            sys.executable,
            "-c",
            "from metaflow.cli.command import main; main()",
            "ui",
            "--no-open",
            "--port",
            "0",
        ]
        app = subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert app.stdout is not None
        address = None
        while address is None:
            address = re.search(r"http://\S+#token=\S+", app.stdout.readline())
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for scheme in ("light", "dark"):
                page = browser.new_page(viewport=_SIZE, color_scheme=scheme)
                _take(page, address[0], runs, scheme)
            browser.close()
        app.terminate()
        app.wait(30)


if __name__ == "__main__":
    main()

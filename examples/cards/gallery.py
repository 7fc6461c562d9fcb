"""Run the examples of this directory, and gather their cards on one page.

::

    python examples/cards/gallery.py [DIRECTORY]      (default: gallery; or: make gallery)

The runs are kept in the directory too, so that nothing else is touched.
"""

import os
import sys
from html import escape
from pathlib import Path

HERE = Path(__file__).parent
#: Example -> the steps whose cards are shown.
EXAMPLES = {
    "overview": ["start", "station", "end"],
    "model_report": ["start"],
    "live_training": ["start"],
    "several_cards": ["start"],
    "comparison": ["descend", "compare"],
    "timeline": ["start"],
    "data_browser": ["start"],
    "figures_and_media": ["start"],
    "template": ["start"],
    "broken": ["start"],
}
ARGUMENTS = {"live_training": {"seconds": 0.02}}


def run_and_save(name, steps, folder):
    """Run one example; returns its title and the files of its cards."""
    from metaflow import Runner
    from metaflow.cards import get_cards

    with Runner(str(HERE / f"{name}.py"), show_output=False).run(**ARGUMENTS.get(name, {})) as running:
        if running.status != "successful":
            sys.exit(f"{name}.py did not succeed:\n{running.stderr}")
        saved = []
        for step in steps:
            task = running.run[step].task
            for card in get_cards(task):
                file = f"{name}-{step}{f'-{card.id}' if card.id else ''}-{card.type}.html"
                (folder / file).write_text(card.get(), encoding="utf-8")
                saved.append((f"{step}: {card.type}{f' “{card.id}”' if card.id else ''}", file))
    return saved


def page_of(examples):
    """The gallery: every card in a frame, beside the name of its example."""
    parts = []
    for name, (title, cards) in examples.items():
        parts.append(
            f"<h2 id='{name}'>{escape(title)}</h2><p><code>examples/cards/{name}.py</code></p><div class=cards>"
        )
        parts += [
            f"<figure><figcaption><a href='{escape(file)}'>{escape(label)}</a></figcaption>"
            f"<iframe src='{escape(file)}' title='{escape(label)}' loading=lazy"
            " sandbox='allow-scripts allow-downloads allow-popups allow-popups-to-escape-sandbox'></iframe></figure>"
            for label, file in cards
        ]
        parts.append("</div>")
    return PAGE.replace("CARDS", "".join(parts))


PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Cards</title>
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 90rem; margin: 2rem auto; padding: 0 1rem; }
.cards { display: grid; gap: 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); }
figure { margin: 0; }
iframe { width: 100%; height: 36rem; border: 1px solid #8886; border-radius: 8px; }
</style>
<h1>Cards</h1>
<p>Each frame is a card as it was stored: one HTML file, which opens by itself, too.</p>
CARDS
</html>
"""


def main():
    """Build the gallery."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "gallery").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["METAFLOW_DATASTORE_SYSROOT_LOCAL"] = str(folder)
    examples = {}
    for name, steps in EXAMPLES.items():
        title = (HERE / f"{name}.py").read_text(encoding="utf-8").split('"""')[1].splitlines()[0]
        print(f"{name}: {title}", flush=True)
        examples[name] = title, run_and_save(name, steps, folder)
    (folder / "index.html").write_text(page_of(examples), encoding="utf-8")
    print(f"\nOpen {folder / 'index.html'}")


if __name__ == "__main__":
    main()

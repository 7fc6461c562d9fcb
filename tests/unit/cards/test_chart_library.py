"""Where the script that draws charts comes from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from metaflow.cards import VegaChart
from metaflow.cards.charts import chart_library
from metaflow.cards.charts.chart_library import LibraryMissing, vega_script
from metaflow.cards.page.document import PageFacts, render_page
from metaflow.cards.running.making import node_of

SPEC = {"mark": "bar", "data": {"values": [{"a": "<b>"}]}}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that stands in for vl-convert-python, which is importable only from where it is."""
    folder = tmp_path / "packages" / "vl_convert"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("def javascript_bundle(): return 'window.vegaEmbed = 1; // \\u00e9'")
    monkeypatch.syspath_prepend(str(folder.parent))
    monkeypatch.delitem(sys.modules, "vl_convert", raising=False)  # Altair imports the real one
    monkeypatch.setattr("metaflow.settings.get", settings_in(tmp_path))
    vega_script.cache_clear()
    yield folder
    vega_script.cache_clear()


def settings_in(folder: Path):
    from metaflow import settings

    original = settings.get

    def get(name: str):
        return str(folder / "cache") if name == "CLIENT_CACHE_PATH" else original(name)

    return get


def test_it_is_made_once_and_kept(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = vega_script()
    assert script == "window.vegaEmbed = 1; // é"
    (kept,) = (tmp_path / "cache" / "libraries").iterdir()
    vega_script.cache_clear()
    with monkeypatch.context() as within:
        within.setattr(subprocess, "run", lambda *args, **kwargs: pytest.fail("It is kept already."))
        assert vega_script() == script
    # Another version is another script.
    vega_script.cache_clear()
    (package / "__init__.py").write_text("def javascript_bundle(): return 'window.vegaEmbed = 22'")
    assert vega_script() == "window.vegaEmbed = 22"
    assert kept.exists()


def test_a_cache_that_cannot_be_written_costs_time_only(package: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    assert "vegaEmbed" in vega_script()


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("def javascript_bundle(): raise RuntimeError('broken wheel')", "broken wheel"),
        ("import os; os._exit(9)", "exit status 9"),
        ("def javascript_bundle(): return 'something else'", "version that is not known"),
    ],
)
def test_one_that_does_not_work_is_told(package: Path, code: str, complaint: str) -> None:
    (package / "__init__.py").write_text(code)
    with pytest.raises(LibraryMissing, match=complaint) as told:
        vega_script()
    assert "metaflow[charts]" in str(told.value)


def test_without_it_a_chart_says_what_to_install_and_shows_its_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> str:
        raise LibraryMissing(f"What draws charts is not installed: {chart_library.INSTALL}")

    monkeypatch.setattr("metaflow.cards.page.elements.charts.vega_script", missing)
    page = render_page([node_of(VegaChart(SPEC))], PageFacts("Charts"))
    assert "pip install &#x27;metaflow[charts]&#x27;" in page
    assert '<details class="mf-chart-data" open>' in page
    assert "data-chart" not in page.partition("<main")[2].partition("<script")[0]
    assert "<b>" not in page

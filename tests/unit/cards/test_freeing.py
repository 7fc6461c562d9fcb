"""Letting go of very many objects little by little."""

from __future__ import annotations

import weakref
from typing import Any

from live_card_doubles import Files, maker, running_card
from metaflow.cards.components.table import Table
from metaflow.cards.running import live_page
from metaflow.cards.running.live_page import LivePage
from metaflow.cards.values import table_content
from metaflow.cards.values.freeing import free


class Held:
    """Something of which it can be told whether it is still there."""


def test_all_is_let_go_of() -> None:
    values = [Held() for _ in range(2_500)]
    alive = weakref.WeakSet(values)
    free(values)
    assert values == [] and len(alive) == 0


def test_the_rows_that_a_table_was_given_stay_its_owners() -> None:
    rows = [[number, {"a": 1}] for number in range(5_000)]
    records = [{"n": number} for number in range(5_000)]
    for given in (rows, records):
        before = [type(each)(each) for each in given]
        assert len(table_content.table_content(given).rows) == 5_000
        assert given == before


def test_cells_of_a_large_table_are_not_freed_at_once(monkeypatch: Any) -> None:
    freed: list[int] = []
    monkeypatch.setattr(live_page, "free", lambda values: freed.append(len(values)))
    table = Table([[number, f"{number}"] for number in range(5_000)])
    card = running_card()
    card.components.append(table)
    LivePage(card, maker(Files())).update(None)
    assert freed == [5_000]
    assert len(table.render()["data"]) == 5_000, "what is on the card is there for the next update"

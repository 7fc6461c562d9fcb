"""The reference of the settings says what the settings are."""

from __future__ import annotations

from settings_reference import PAGE, page_with, table


def test_the_table_of_settings_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == page_with(table()), "run `python tests/settings_reference.py`"

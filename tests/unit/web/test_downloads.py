"""Names of files that a browser keeps."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pytest

from attack_strings import ATTACKS
from metaflow.web.downloads import attachment

_SHAPE = re.compile(r"""attachment; filename="([A-Za-z0-9._-]+)"; filename\*=UTF-8''([A-Za-z0-9._~%-]+)""")


@pytest.mark.parametrize("name", ATTACKS)
def test_no_name_breaks_out_of_its_header_or_its_folder(name):
    found = _SHAPE.fullmatch(attachment(name))
    assert found is not None
    kept = unquote(found[2])
    assert kept.isprintable() and not set(kept) & set('/\\:*?"<>|') and not kept.startswith(".")


def test_ordinary_names_stay():
    assert attachment("modèle.pkl") == "attachment; filename=\"mod_le.pkl\"; filename*=UTF-8''mod%C3%A8le.pkl"

from __future__ import annotations

import pytest

from metaflow.datastore.sizes import size_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KB"),
        (1024**2 * 99.9, "99.9 MB"),
        (1024**2 * 500, "500 MB"),
        (1024**2 - 1, "1.0 MB"),
        (1024**4, "1.0 TB"),
        (1024**4 * 5000, "5,000.0 TB"),
    ],
)
def test_sizes_are_read_by_people(size, text):
    """The pages have the same table: ui/src/format/numbers.test.ts."""
    assert size_text(size) == text

from __future__ import annotations

import re

import pytest
from hypothesis import given, strategies as st

from metaflow.server.metaflow_rest_pattern import PatternError, read_pattern

parts = st.sampled_from(["a", "b", ":", ",", ".", ".*", ".+", "\\.", "\\*"])


@given(st.booleans(), st.lists(parts, max_size=6).map("".join), st.booleans(), st.text("ab:,.*", max_size=8))
def test_it_matches_what_the_expression_matches(at_start: bool, middle: str, at_end: bool, text: str) -> None:
    for pattern in ("^" * at_start + middle + "$" * at_end, f"^(?:{middle})$"):
        assert read_pattern(pattern).matches(text) == bool(re.search(pattern, text))


@pytest.mark.parametrize("pattern", ["(a)", "^(?:a|b)$", "^(?:(a*)*)$", "a*", "[ab]", "a{3}", "a|b", "\\d", "\\", "a?"])
def test_what_is_not_supported_is_refused(pattern: str) -> None:
    with pytest.raises(PatternError, match="not supported"):
        read_pattern(pattern)

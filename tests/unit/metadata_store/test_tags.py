from __future__ import annotations

import pytest

from metaflow.exception import MetaflowTaggingError
from metaflow.metadata_store.tags import MAX_TAG_CHARACTERS, MAX_USER_TAGS, change_tags, check_tags

FULL = [f"t{i}" for i in range(MAX_USER_TAGS)]


def test_a_change_says_what_is_added_and_removed():
    assert change_tags(["a"], [], ["c", "b"], ["a"]) == (("b", "c"), ("a",))


def test_adding_a_system_tag_is_dropped_silently():
    assert change_tags([], ["user:ann"], ["user:ann", "x"], []) == (("x",), ())


def test_removing_a_system_tag_is_an_error():
    with pytest.raises(MetaflowTaggingError, match="user:ann"):
        change_tags([], ["user:ann"], [], ["user:ann"])


def test_nothing_to_do_is_an_error():
    with pytest.raises(MetaflowTaggingError, match="at least one"):
        change_tags(["a"], [], [], [])


@pytest.mark.parametrize(
    ("tag", "what"), [("", "empty"), ("x" * (MAX_TAG_CHARACTERS + 1), "501"), ("\ud800", "UTF-8"), (3, "int")]
)
def test_tags_that_are_not_allowed(tag, what):
    with pytest.raises(MetaflowTaggingError, match=what):
        check_tags([tag])
    with pytest.raises(MetaflowTaggingError, match=what):
        change_tags([], [], [tag], [])


def test_the_longest_tag_is_allowed():
    check_tags(["x" * MAX_TAG_CHARACTERS])


def test_the_number_of_tags_is_limited():
    check_tags(FULL)
    with pytest.raises(MetaflowTaggingError, match="at most 50"):
        check_tags([*FULL, "more"])
    with pytest.raises(MetaflowTaggingError, match="at most 50"):
        change_tags(FULL, [], ["more"], [])


def test_replacing_within_a_full_set_is_allowed():
    assert change_tags(FULL, [], ["more"], ["t0"]) == (("more",), ("t0",))


def test_a_set_that_is_too_large_may_shrink():
    assert change_tags([*FULL, "more", "most"], [], [], ["most"]) == ((), ("most",))

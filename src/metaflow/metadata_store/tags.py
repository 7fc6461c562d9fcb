"""The rules that tags obey."""

from __future__ import annotations

from metaflow.exception import MetaflowTaggingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_USER_TAGS = 50
MAX_TAG_CHARACTERS = 500


def check_tags(tags: Collection[str]) -> None:
    """Check a run's whole set of user tags.

    Parameters
    ----------
    tags : collection of str
        The tags.

    Raises
    ------
    MetaflowTaggingError
        A tag is not a non-empty, valid text of at most 500 characters, or there are more than 50.
    """
    for tag in tags:
        _check_tag(tag)
    _check_count(len(set(tags)))


def change_tags(
    user_tags: Collection[str], system_tags: Collection[str], add: Iterable[str], remove: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Work out a change of a run's user tags. Removals come before additions, so a tag in both lists stays.

    Parameters
    ----------
    user_tags, system_tags : collection of str
        What the run has.
    add, remove : iterable of str
        What is asked for. To add a tag that the system gave changes nothing.

    Returns
    -------
    tuple of (added, removed)
        The change to record, each part sorted.

    Raises
    ------
    MetaflowTaggingError
        A tag is not allowed, there would be too many, or a system tag would be removed.
    """
    wanted, unwanted = set(add), set(remove)
    if not wanted and not unwanted:
        raise MetaflowTaggingError("There is no tag to add or remove. Give at least one.")
    for tag in wanted | unwanted:
        _check_tag(tag)
    untouchable = sorted(unwanted & set(system_tags))
    if untouchable:
        raise MetaflowTaggingError(
            f"Cannot remove {_listed(untouchable)}: system tags describe how the run was made and stay with "
            "it. "
            "Only tags that people added can be removed."
        )
    wanted -= set(system_tags)
    before = set(user_tags)
    after = (before - unwanted) | wanted
    if len(after) > len(before):
        _check_count(len(after))
    return tuple(sorted(wanted)), tuple(sorted(unwanted))


def _check_tag(tag: object) -> None:
    if not isinstance(tag, str):
        raise MetaflowTaggingError(f"A tag must be a string, not {type(tag).__name__}.")
    if not tag:
        raise MetaflowTaggingError("A tag must not be an empty string.")
    if len(tag) > MAX_TAG_CHARACTERS:
        raise MetaflowTaggingError(
            f"The tag {tag[:40] + '...'!r} has {len(tag)} characters; at most {MAX_TAG_CHARACTERS} are allowed."
        )
    try:
        tag.encode("utf-8")
    except UnicodeEncodeError as error:
        raise MetaflowTaggingError(f"The tag {tag!a} cannot be written as UTF-8: {error.reason}.") from error


def _check_count(count: int) -> None:
    if count > MAX_USER_TAGS:
        raise MetaflowTaggingError(
            f"A run may have at most {MAX_USER_TAGS} user tags; this would make {count}. Remove some first."
        )


def _listed(tags: Iterable[str]) -> str:
    return ", ".join(repr(tag) for tag in tags)

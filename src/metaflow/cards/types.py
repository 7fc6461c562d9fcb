"""Types of cards, by name."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from metaflow.cards.card import MetaflowCard


def card_class(name: str) -> type[MetaflowCard] | None:
    """The class of the cards of a type; None if there is no such type, or it cannot be imported.

    See `find_card_class`, which says why.
    """
    from metaflow.cards.exception import CardException

    try:
        return find_card_class(name)
    except CardException:
        return None


def find_card_class(name: str) -> type[MetaflowCard]:
    """The class of the cards of a type.

    Looked for are, in this order: built-in types, subclasses of `MetaflowCard` that the program has defined, entry
    points of the group ``metaflow.cards`` of other packages, and their extensions (`metaflow.cards.extensions`). Other
    packages are only looked at if that is needed.

    Raises
    ------
    CardClassFoundException
        If there is no such type; its message names similar ones, and what is wrong with packages that might have it.
    """
    from metaflow import registry
    from metaflow.cards.card import MetaflowCard
    from metaflow.cards.exception import CardClassFoundException

    if name in registry.BUILT_IN["cards"]:
        built_in: type[MetaflowCard] = registry.load("cards", name)
        return built_in
    found = _of_program(MetaflowCard, name)
    if found is not None:
        return found
    from metaflow.cards.extensions import INTERRUPTIONS, as_card_class, cards_of_extensions
    from metaflow.error_text import text_of

    problems = []
    if name in registry.added_by_packages("cards"):
        try:
            return as_card_class(registry.load("cards", name))
        except INTERRUPTIONS:
            raise
        except BaseException as error:  # whatever a module of another package does when it is imported
            problems.append(f"the package that has it cannot be used: {type(error).__name__}: {text_of(error)}")
    of_extensions, broken = cards_of_extensions()
    if name in of_extensions:
        return of_extensions[name]
    raise CardClassFoundException(_no_such_type(name, [*_known(MetaflowCard), *of_extensions], [*problems, *broken]))


def card_types() -> list[str]:
    """Names of all types of cards that there are: built in, of the program, and of other packages."""
    from metaflow.cards.card import MetaflowCard
    from metaflow.cards.extensions import cards_of_extensions

    return sorted({*_known(MetaflowCard), *cards_of_extensions()[0]})


def _of_program(parent: type[MetaflowCard], name: str) -> type[MetaflowCard] | None:
    for each in reversed(parent.__subclasses__()):  # the latest, where a notebook has defined one again and again
        found = each if each.type == name else _of_program(each, name)
        if found is not None:
            return found
    return None


def _known(base: type[MetaflowCard]) -> list[str]:
    from metaflow import registry

    return [*registry.names("cards"), *sorted(_types_below(base))]


def _types_below(parent: type[MetaflowCard]) -> set[str]:
    below: set[str] = set()
    for each in parent.__subclasses__():
        below |= {each.type} | _types_below(each)
    return {name for name in below if name}


def _no_such_type(name: str, known: list[str], problems: list[str]) -> str:
    from difflib import get_close_matches

    listed = sorted({each for each in known if not each.startswith("test_")})
    close = get_close_matches(name, known, n=1)
    hint = f" Did you mean '{close[0]}'?" if close else ""
    broken = "".join(f" ({problem})" for problem in problems)
    return f"There is no type of cards called '{name}'.{hint} Those there are: {', '.join(listed)}.{broken}"

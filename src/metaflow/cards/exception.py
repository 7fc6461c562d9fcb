"""What can go wrong with cards."""

from __future__ import annotations

from metaflow.exception import MetaflowException, MetaflowNotFound


class CardException(MetaflowException):
    """A card cannot be made, or not be found."""

    headline = "Card cannot be made"


class CardClassFoundException(CardException):
    """There is no type of cards of that name. (The name of the class is that of Metaflow.)"""

    headline = "Unknown type of card"


class TypeRequiredException(CardException):
    headline = "Card type missing"


class IncorrectCardArgsException(CardException):
    headline = "Incorrect arguments of @card"


class UnrenderableCardException(CardException):
    """The class of a card raised, or gave no page."""

    headline = "Card cannot be rendered"


class ComponentOverwriteNotSupportedException(CardException):
    headline = "Component overwrite is not supported"


class CardNotPresentException(CardException):
    headline = "Card not found"


class TaskNotFoundException(CardException, MetaflowNotFound):
    headline = "Task not found"


class IncorrectArgumentException(CardException):
    headline = "A task, or its pathspec, is needed"


class IncorrectPathspecException(CardException):
    headline = "Incorrect pathspec of a task"


class UnresolvableDatastoreException(CardException):
    headline = "Datastore of a card not found"


class InvalidComponentArgument(MetaflowException, ValueError, TypeError):
    """A component of a card was given an argument that it cannot show.

    It is a ValueError and a TypeError as well, which programs may expect of arguments.
    """

    headline = "Invalid argument of a card component"

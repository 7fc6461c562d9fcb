"""``package_suffixes``: a flow says in its source which files go along."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..flow.mutators import FlowMutator, FlowMutatorDeclaration
from ..flow.user_decorators import create
from .selection import parse_suffixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..flow.declaration import FlowDeclaration


class package_suffixes(FlowMutator):  # noqa: N801 - a name of the public interface, written as a decorator
    """Let files with these suffixes be part of the flow's code package, beside those that are anyway.

    Parameters
    ----------
    *suffixes : str or list of str
        Such as ``".sql"``, ``".sql,.yaml"`` or ``[".sql", ".yaml"]``.

    Examples
    --------
    >>> @package_suffixes(".sql", ".yaml")
    ... class Report(FlowSpec): ...
    """

    def init(self, *suffixes: str | Iterable[str]) -> None:
        """Take the arguments."""
        texts = [each if isinstance(each, str) else ",".join(each) for each in suffixes]
        self.suffixes = parse_suffixes(",".join(texts))

    @staticmethod
    def of(declaration: FlowDeclaration) -> Iterator[str]:
        """Suffixes that a flow's mutators name."""
        for decorator in declaration.decorators:
            if isinstance(decorator, FlowMutatorDeclaration) and issubclass(decorator.decorator, package_suffixes):
                yield from create(decorator.decorator, decorator.args, decorator.kwargs).suffixes

"""What a back end for secrets is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


class SecretsProvider(Protocol):
    """A back end. Its class is found by its type's name, in the entry point group ``metaflow.secrets_providers``.

    It is made anew, without arguments, for every secret.
    """

    def get_secret_as_dict(
        self, secret_id: str, options: Mapping[str, Any], role: str | None = None
    ) -> Mapping[str, str]:
        """Fetch a secret.

        Parameters
        ----------
        secret_id : str
            Which one; empty for a back end whose `options` say all.
        options : mapping of str to object
            As written with the source.
        role : str, optional
            With whose rights to fetch it.

        Returns
        -------
        mapping of str to str
            Environment variables with their values.

        Raises
        ------
        Exception
            Of any kind; its text is shown to the user, so it must not hold a secret.
        """

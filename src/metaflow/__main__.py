"""``python -m metaflow``: the same as the ``metaflow`` command."""

from .cli.command import main

main()

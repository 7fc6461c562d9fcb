"""Where in a code package a file belongs."""

from __future__ import annotations

from enum import Enum


class ContentType(Enum):
    """Kind of what a decorator adds to the code package.

    Attributes
    ----------
    USER_CONTENT
        A file of the flow: it lies where the files beside the flow's own lie.
    CODE_CONTENT
        A file with code that can be imported from anywhere, such as a library.
    MODULE_CONTENT
        A whole module or package, by its name.
    OTHER_CONTENT
        A file that says something about the package.
    """

    USER_CONTENT = 1
    CODE_CONTENT = 2
    MODULE_CONTENT = 4
    OTHER_CONTENT = 8


#: Directories of the archive beside the user's own files.
CODE_DIRECTORY = ".mf_code"
META_DIRECTORY = ".mf_meta"
#: File that says that the archive is a code package.
MARKER = ".mf_install"
#: What lies where in it.
DIRECTORIES = {
    ContentType.USER_CONTENT: "",
    ContentType.CODE_CONTENT: f"{CODE_DIRECTORY}/",
    ContentType.OTHER_CONTENT: f"{META_DIRECTORY}/",
}

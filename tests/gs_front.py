"""Google's XML interface, as far as it differs from S3's, in front of moto.

Google Cloud Storage can be spoken to in the dialect of S3, with names of headers of its own, and obstore does so. The
emulators that can be installed speak only Google's JSON interface, and ignore conditions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote, unquote

# moto checks none, and takes who sends a token instead for nobody.
_SIGNATURE = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
_METADATA = ("HTTP_X_GOOG_META_", "HTTP_X_AMZ_META_")


def translated(application: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Turn Google's headers into S3's on the way in, and back on the way out."""

    def serve(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["HTTP_AUTHORIZATION"] = _SIGNATURE
        for name in ("RAW_URI", "REQUEST_URI"):
            path, question_mark, query = environ[name].partition("?")
            environ[name] = quote(unquote(path)) + question_mark + query  # there, even slashes and hyphens are encoded
        if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None) == "0":
            environ["HTTP_IF_NONE_MATCH"] = "*"
        for name in [name for name in environ if name.startswith(_METADATA[0])]:
            environ[name.replace(*_METADATA)] = environ.pop(name)

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            shown = [(name.lower().replace("x-amz-meta-", "x-goog-meta-"), value) for name, value in headers]
            return start_response(status, shown, *rest)

        return application(environ, start)

    return serve


def main(port: int) -> None:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import run_simple

    application = DomainDispatcherApplication(create_backend_app)
    run_simple("127.0.0.1", port, translated(application), threaded=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""obstore's texts, taken apart."""

from __future__ import annotations

import pytest

from metaflow.datastore.remote_errors import examine, explain, region_in
from metaflow.exception import AccessDenied, StoreUnavailable

SAS = (
    "Generic MicrosoftAzure error: Error performing GET https://ada:word@a.blob.core.windows.net/c/k?sv=1&sig=S%3D in "
    "4.1ms, after 3 retries, max_retries: 3, retry_timeout: 180s  - Server returned non-2xx status code: 418 I'm a "
    "teapot: see https://ada:word@a.blob.core.windows.net/c/k?sv=1&sig=S%3D now\n\nDebug source:\nGeneric { sig=S%3D }"
)


def test_no_part_of_an_address_that_is_secret_is_told():
    told = str(explain(examine(ValueError(SAS)), "read", "azure://c/k"))
    assert "418" in told and "https://a.blob.core.windows.net/c/k now" in told
    assert "sig" not in told and "word" not in told and "Generic" not in told


@pytest.mark.parametrize("kind", ["s3", "gs", "azure"])
@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("Generic X error: Error performing token request: Error performing GET http://m in 1s - HTTP x", AccessDenied),
        ("Generic X error: Error performing PUT http://m/latest/api/token in 1s - HTTP error: x", AccessDenied),
        ("For path External AWS credential provider: RuntimeError: log in first", AccessDenied),
        ("Error performing GET http://x/y in 1s - Server returned non-2xx status code: 401 x: ", AccessDenied),
        ("Error performing GET http://x/y in 1s - Server returned non-2xx status code: 403 Forbidden: ", AccessDenied),
        ("Error performing GET http://x/y in 1s - HTTP error: error sending request", StoreUnavailable),
        ("Error performing GET http://x/y in 1s - Server returned non-2xx status code: 503 x: ", StoreUnavailable),
    ],
)
@pytest.mark.parametrize("action", ["read", "write", "list", "delete"])
def test_every_kind_of_store_has_a_remedy_for(kind, text, error, action):
    told = explain(examine(RuntimeError(text)), action, f"{kind}://bucket/k")
    assert type(told) is error
    assert str(told).startswith(f"Cannot {action} {kind}://bucket/k: ")
    assert str(told).endswith(".") and "None" not in str(told)


def test_what_a_request_said_is_found():
    failure = examine(
        FileNotFoundError(
            "Object at location k not found: Error performing GET http://h/b/k in 1ms, after 2 retries, max: 3 - "
            "Server returned non-2xx status code: 404 Not Found: <?xml?>\n<Error>\n  <Code>NoSuchKey</Code>\n"
            "  <Message>The key is not there.\nRequestId:1</Message></Error>\n\nDebug source:\nNotFound {}"
        )
    )
    assert (failure.status, failure.code, failure.message) == (404, "NoSuchKey", "The key is not there.")
    assert failure.retries == 2 and failure.object_missing and not failure.bucket_missing and not failure.passing


def test_deletions_in_bulk_say_why_in_their_own_way():
    failure = examine(RuntimeError("Bulk delete request failed for key k: Access Denied (code: AccessDenied)"))
    assert type(explain(failure, "delete", "s3://b/k")) is AccessDenied


def test_regions_in_answers():
    assert region_in(RuntimeError("<Code>X</Code><Region>eu-west-1</Region>")) == "eu-west-1"
    assert region_in(RuntimeError("the region 'us-east-1' is wrong; expecting 'ap-south-1'")) == "ap-south-1"
    assert region_in(RuntimeError("incorrectly configured region")) is None

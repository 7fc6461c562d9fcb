"""How settings, environment and profiles become the options with which buckets are opened."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from faulty_proxy import faulty_proxy
from metaflow.datastore import remote_credentials
from metaflow.datastore.remote import RemoteStore
from metaflow.datastore.remote_config import open_bucket, opening_of, retry_count
from metaflow.exception import AccessDenied, DataException, MetaflowException


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch, tmp_path):
    """Neither this machine's environment nor its profiles, nor instance metadata."""
    beginnings = ("AWS_", "AZURE_", "GOOGLE_", "IDENTITY_", "MSI_", "STORAGE_", "METAFLOW_S3", "METAFLOW_AZURE")
    for name in os.environ:
        if name.startswith(beginnings):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(remote_credentials, "_METADATA_ADDRESS", "http://127.0.0.1:1")
    (tmp_path / ".aws").mkdir()
    return monkeypatch


@pytest.fixture
def keys(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


def write_profile(tmp_path, config="", credentials=""):
    (tmp_path / ".aws" / "config").write_text(config)
    (tmp_path / ".aws" / "credentials").write_text(credentials)


def test_static_keys_of_profiles(tmp_path, monkeypatch):
    write_profile(
        tmp_path,
        "[default]\nregion = us-west-2\n[profile other]\nregion=eu-west-1\nendpoint_url = http://localhost:9000/\n",
        "[default]\naws_access_key_id = A\naws_secret_access_key = B\n"
        "[other]\naws_access_key_id = C%1\naws_secret_access_key = D\naws_session_token = E\n",
    )
    assert opening_of("s3", "b").config == {
        "region": "us-west-2",
        "access_key_id": "A",
        "secret_access_key": "B",
        "unsigned_payload": True,
    }
    monkeypatch.setenv("AWS_PROFILE", "other")
    opening = opening_of("s3", "b")
    assert opening.config == {
        "region": "eu-west-1",
        "access_key_id": "C%1",
        "secret_access_key": "D",
        "session_token": "E",
        "endpoint": "http://localhost:9000",
    }
    assert opening.client == {"allow_http": True}
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", "https://s3.example.com")
    assert opening_of("s3", "b").config["region"] == "ap-south-1"
    assert opening_of("s3", "b").config["endpoint"] == "https://s3.example.com"


def test_keys_in_the_environment_go_before_profiles(tmp_path, keys, monkeypatch):
    write_profile(tmp_path, "[default]\nregion = us-west-2\nrole_arn = x\n", "[default]\naws_access_key_id = A\n")
    monkeypatch.setenv("AWS_PROFILE", "not-there")
    assert opening_of("s3", "b").config == {"unsigned_payload": True}
    monkeypatch.delenv("AWS_PROFILE")
    opening = opening_of("s3", "b")
    assert opening.config == {"region": "us-west-2", "unsigned_payload": True}
    assert opening.credentials is None


def test_profiles_that_are_wrong(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "ada")
    with pytest.raises(DataException, match="There is no profile 'ada' .*aws configure --profile ada"):
        opening_of("s3", "b")
    write_profile(tmp_path, credentials="[ada]\nhidden-key\n")
    with pytest.raises(DataException, match="credentials cannot be read: line 2") as caught:
        opening_of("s3", "b")
    assert "hidden-key" not in str(caught.value)


def test_without_any_credentials_it_is_said_at_once(monkeypatch, tmp_path):
    for kind, remedy in (("s3", "aws configure"), ("gs", "gcloud auth"), ("azure", "az login")):
        with pytest.raises(AccessDenied, match=remedy):
            opening_of(kind, "bucket")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")
    monkeypatch.setenv("AWS_ROLE_ARN", "role")
    assert opening_of("s3", "bucket").credentials is None
    with socket.create_server(("127.0.0.1", 0)) as metadata:
        address = f"http://127.0.0.1:{metadata.getsockname()[1]}"
        monkeypatch.delenv("AWS_WEB_IDENTITY_TOKEN_FILE")
        monkeypatch.setenv("AWS_METADATA_ENDPOINT", address)
        assert opening_of("s3", "bucket").config == {"unsigned_payload": True}
        monkeypatch.setattr(remote_credentials, "_METADATA_ADDRESS", address)
        assert opening_of("gs", "bucket").config == {}
        assert opening_of("azure", "bucket").config == {}


def test_a_profile_whose_credentials_a_program_makes(tmp_path, s3_server, monkeypatch):
    """boto3 runs it, and again when the credentials have expired."""
    program = tmp_path / "make"
    program.write_text(
        '#!/bin/sh\necho run >> "$HOME/runs"\n'
        'echo \'{"Version": 1, "AccessKeyId": "AKIAMADE", "SecretAccessKey": "s", "SessionToken": "t"}\'\n'
    )
    program.chmod(0o755)
    write_profile(tmp_path, f"[profile made]\ncredential_process = {program}\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_PROFILE", "made")
    signed = []
    with faulty_proxy(s3_server.url) as proxy:

        def note(exchange):
            signed.append(exchange.headers["Authorization"])
            exchange.answer(404, [], b"")

        proxy.always(note)
        monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", proxy.url)
        assert RemoteStore("s3://bucket/p").stat("k") is None
    assert "Credential=AKIAMADE/" in signed[0] and "/eu-west-3/s3/" in signed[0]
    assert (tmp_path / "runs").read_text() == "run\n"

    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(DataException, match=r"'made' uses `credential_process`.*metaflow\[aws\]"):
        opening_of("s3", "bucket")


def test_a_program_that_fails_is_told_as_missing_credentials(tmp_path, s3_server, monkeypatch):
    write_profile(tmp_path, "[profile made]\ncredential_process = /bin/false\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_PROFILE", "made")
    monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", s3_server.url)
    with pytest.raises(AccessDenied, match=r"Cannot read s3://bucket/p/k: no credentials could be had: .*AWS_PROFILE"):
        RemoteStore("s3://bucket/p").get("k")


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("AES256", {"server_side_encryption": "AES256"}),
        ("aws:kms", {"server_side_encryption": "aws:kms"}),
        ("aws:kms:dsse", {"server_side_encryption": "aws:kms:dsse"}),
        (
            "aws:kms:arn:aws:kms:us-east-1:1:key/k",
            {"server_side_encryption": "aws:kms", "sse_kms_key_id": "arn:aws:kms:us-east-1:1:key/k"},
        ),
    ],
)
def test_encryption(keys, s3_server, monkeypatch, text, config):
    monkeypatch.setenv("METAFLOW_S3_SERVER_SIDE_ENCRYPTION", text)
    assert opening_of("s3", "bucket").config == {"unsigned_payload": True, **config}
    asked = []
    with faulty_proxy(s3_server.url) as proxy:

        def note(exchange):
            asked.append(exchange.headers)
            exchange.answer(200, [("ETag", '"e"')], b"")

        proxy.always(note)
        monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", proxy.url)
        RemoteStore("s3://bucket/p").put("k", [b""])
    assert asked[0]["x-amz-server-side-encryption"] == config["server_side_encryption"]
    assert asked[0]["x-amz-server-side-encryption-aws-kms-key-id"] == config.get("sse_kms_key_id")


def test_wrong_settings_are_named(keys, monkeypatch):
    for name, value, text in (
        ("METAFLOW_S3_SERVER_SIDE_ENCRYPTION", "rot13", "'rot13': it should be AES256"),
        ("METAFLOW_S3_ENDPOINT_URL", "minio:9000", "'minio:9000' .METAFLOW_S3_ENDPOINT_URL. is not the address"),
        ("METAFLOW_S3_ENDPOINT_URL", "http://a b", "is not the address"),
        ("METAFLOW_S3_ENDPOINT_URL", "http://[x", "is not the address"),
        ("AWS_ENDPOINT_URL", "ftp://x", "'ftp://x' .AWS_ENDPOINT_URL."),
        ("METAFLOW_S3_CLIENT_RETRY_CONFIG", '{"max_attempts": "many"}', "max_attempts.*'many'"),
        ("AWS_CA_BUNDLE", "/no/file", "/no/file .AWS_CA_BUNDLE. cannot be read"),
        ("METAFLOW_S3_VERIFY_CERTIFICATE", "/dev/null", "s3://bucket cannot be opened: No certificates found"),
        ("AWS_CONDITIONAL_PUT", "perhaps", "s3://bucket cannot be opened: .*AWS_"),
    ):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            with pytest.raises(DataException, match=text) as caught:
                open_bucket("s3", "bucket")
            assert "Debug" not in str(caught.value)
    with pytest.raises(DataException, match="cannot be the name of a bucket"):
        open_bucket("s3", "a b")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("S3_READ_TIMEOUT", "-1", "^METAFLOW_S3_READ_TIMEOUT is -1: it should be a number of seconds greater than 0"),
        ("S3_READ_TIMEOUT", "nan", "^METAFLOW_S3_READ_TIMEOUT is nan"),
        ("S3_CONNECT_TIMEOUT", "0", "^METAFLOW_S3_CONNECT_TIMEOUT is 0"),
        ("S3_RETRY_COUNT", "many", "^METAFLOW_S3_RETRY_COUNT from the environment should be of type int"),
        ("S3_CLIENT_RETRY_CONFIG", "[1]", "^METAFLOW_S3_CLIENT_RETRY_CONFIG from the environment should be JSON"),
    ],
)
def test_wrong_numbers_are_told_for_what_they_are(keys, monkeypatch, name, value, text):
    monkeypatch.setenv(f"METAFLOW_{name}", value)
    with pytest.raises(MetaflowException, match=text):
        RemoteStore("s3://bucket").get("k")


def test_retries(monkeypatch):
    assert retry_count() == 7
    monkeypatch.setenv("METAFLOW_S3_RETRY_COUNT", "2")
    assert retry_count() == 2
    monkeypatch.setenv("METAFLOW_S3_CLIENT_RETRY_CONFIG", '{"max_attempts": 10, "mode": "adaptive"}')
    assert retry_count() == 9


def test_azure_accounts(monkeypatch):
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "a2V5")
    monkeypatch.setenv("METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT", "https://ada.blob.core.windows.net/")
    assert opening_of("azure", "c").config == {
        "account_name": "ada",
        "endpoint": "https://ada.blob.core.windows.net",
    }
    monkeypatch.setenv("METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT", "http://127.0.0.1:10000/devstoreaccount1")
    assert opening_of("azure", "c").config["account_name"] == "devstoreaccount1"
    monkeypatch.delenv("METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT")
    with pytest.raises(DataException, match="cannot be opened: Account must be specified.*SERVICE_ENDPOINT"):
        open_bucket("azure", "con")
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_KEY")
    monkeypatch.setenv(
        "AZURE_STORAGE_CONNECTION_STRING",
        "DefaultEndpointsProtocol=https;AccountName=ada;AccountKey=a2V5PT0=;EndpointSuffix=core.windows.net",
    )
    assert opening_of("azure", "c").config == {"account_name": "ada", "account_key": "a2V5PT0="}


def test_google(monkeypatch, tmp_path):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "localhost:9023")
    opening = opening_of("gs", "bucket")
    assert (opening.config["base_url"], opening.client) == ("http://localhost:9023", {"allow_http": True})
    monkeypatch.delenv("STORAGE_EMULATOR_HOST")
    (tmp_path / "key.json").write_text('{"type": "external_account"}')
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(DataException, match="external_account.*other types than service_account"):
        open_bucket("gs", "bucket")


def test_a_missing_package_is_named(keys, monkeypatch):
    for name in [name for name in sys.modules if name == "obstore" or name.startswith("obstore.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(DataException, match=r"pip install 'metaflow\[cloud\]'"):
        RemoteStore("s3://bucket/p").get("k")

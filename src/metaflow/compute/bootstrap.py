"""The first thing that runs on a node: brings the code there and starts :mod:`metaflow.compute.node`.

The text of this file is part of the command of every job. So it uses nothing but the standard library, and is kept
short: some engines take eight kilobytes of command and variables together. All it does is to read objects; what is done
with them (:mod:`metaflow.compute.unpacking`) is the first thing it reads.

Objects are read by signed addresses; if there are none (any more), with the node's own credentials: by obstore, if the
image has it, else by requests to S3 that are signed here, else by obstore after pip has installed it.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    _Result = TypeVar("_Result")

# How often a request that got no answer is made, and the first of the growing pauses between, in seconds.
_TRIES = 6
_PAUSE = 0.5
_AZURE_ENDPOINT = "METAFLOW_AZURE_STORAGE_BLOB_SERVICE_ENDPOINT"


class Problem(Exception):
    """What keeps the task from starting, for people."""


class Refused(Exception):
    """Why one way of reading objects is of no use here; another may be."""


def say(text: str) -> None:
    """Tell people, in what the engine keeps of the output."""
    sys.stderr.write(f"Metaflow: {text}\n")
    sys.stderr.flush()


class Reader:
    """Reads objects of the datastore, by the first way that works.

    Parameters
    ----------
    location : str
        The datastore.
    addresses : dict of str to str
        Signed addresses by key.
    why : str
        Why there are none, if so.
    """

    def __init__(self, location: str, addresses: dict[str, str], why: str) -> None:
        self.location = location
        self.addresses = addresses
        self.why = why
        self.kind, _, rest = location.partition("://")
        self.bucket, _, self.prefix = rest.partition("/")
        self.ways = [self._by_address, self._by_obstore, self._by_signature, self._by_new_obstore]

    def read(self, key: str) -> bytes:
        """Bytes of an object."""
        if "://" not in self.location:
            return _read_file(f"{self.location}/{key}")
        reasons = []
        while self.ways:
            try:
                return self.ways[0](key)
            except Refused as error:
                reasons.append(str(error))
                self.ways.pop(0)
                if self.ways:
                    say(f"{error}; trying another way.")
        raise Problem(
            f"The code cannot be read from {self.location}/{key}. {'. '.join(reasons)}. Give the node credentials that "
            "may read the datastore (a role, a service account), or use an image that has the package obstore."
        )

    def _by_address(self, key: str) -> bytes:
        if key not in self.addresses:
            raise Refused(f"There is no signed address{': ' * bool(self.why)}{self.why}")
        return patiently(lambda: _get(self.addresses[key], {}))

    def _path(self, key: str) -> str:
        return f"{self.prefix}/{key}" if self.prefix else key

    def _by_obstore(self, key: str) -> bytes:
        try:
            import obstore
            from obstore.store import AzureStore, GCSStore, S3Store
        except ImportError as error:
            raise Refused(f"obstore cannot be imported ({error})") from None
        endpoint = _endpoint() if self.kind == "s3" else os.environ.get(_AZURE_ENDPOINT)
        config: dict[str, Any] = {"endpoint": endpoint} if endpoint and self.kind != "gs" else {}
        make: Any = {"s3": S3Store, "gs": GCSStore, "azure": AzureStore}[self.kind]
        try:
            store = make(self.bucket, config=config, client_options={"allow_http": True})
            return bytes(obstore.get(store, self._path(key)).bytes())
        except Exception as error:  # obstore's are of many kinds
            raise Refused(
                f"obstore cannot read it ({str(error).strip().partition(chr(10))[0][:300] or repr(error)})"
            ) from None

    def _by_new_obstore(self, key: str) -> bytes:
        import tempfile

        folder = tempfile.mkdtemp()
        try:
            pip_install(["obstore"], folder)
        except Problem as error:
            raise Refused(str(error)) from None
        sys.path.append(folder)
        return self._by_obstore(key)

    def _by_signature(self, key: str) -> bytes:
        if self.kind != "s3":
            raise Refused(f"Requests to {self.kind} cannot be signed without obstore")
        region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        from urllib.parse import quote, urlsplit

        url = f"{_endpoint() or f'https://s3.{region}.amazonaws.com'}/{self.bucket}/{quote(self._path(key))}"
        try:
            keys = patiently(aws_keys)
        except (LookupError, ValueError) as error:
            raise Refused(f"The node's credentials for AWS cannot be understood ({error!r})") from None
        parts = urlsplit(url)
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        return patiently(lambda: _get(url, signed_headers(parts.netloc, parts.path, region, keys, now)))


def _endpoint() -> str | None:
    names = ("METAFLOW_S3_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
    return next((os.environ[name].rstrip("/") for name in names if os.environ.get(name)), None)


def patiently(call: Callable[[], _Result]) -> _Result:
    """What a call returns that is made again, after growing pauses, while nobody answers."""
    tries = 1
    while True:
        try:
            return call()
        except OSError as error:
            if tries == _TRIES:
                raise Refused(f"No answer in {_TRIES} tries: {error}") from None
        # Not all tasks of an array are to come again at the same time.
        time.sleep(_PAUSE * 2**tries * (0.25 + os.urandom(1)[0] / 512))
        tries += 1


def _read_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise Problem(
            f"There is no file {path}. The datastore is a directory, which has to be shared by this node "
            f"({os.uname().nodename}) and the machine that the run was started on."
        ) from None
    except PermissionError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}.") from None


def _get(
    url: str, headers: dict[str, str], method: str = "GET", timeout: float = 60, data: bytes | None = None
) -> bytes:
    """Body of an answer; OSError if another try may help, Refused if not."""
    import http.client
    import ssl
    from urllib.error import HTTPError
    from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

    handlers: list[Any] = []
    verify = os.environ.get("METAFLOW_S3_VERIFY_CERTIFICATE", "")
    if verify.lower() in ("false", "0"):
        handlers.append(HTTPSHandler(context=ssl._create_unverified_context()))  # noqa: S323 - as the settings say
    elif os.path.isfile(verify):
        handlers.append(HTTPSHandler(context=ssl.create_default_context(cafile=verify)))
    if url.startswith("http://169.254."):
        handlers.append(ProxyHandler({}))
    try:
        request = Request(url, data, headers, method=method)  # noqa: S310 - the schemes are ours
        with build_opener(*handlers).open(request, timeout=timeout) as answer:
            body: bytes = answer.read()
            return body
    except HTTPError as error:
        if error.code in (408, 429) or error.code >= 500:
            raise OSError(f"{url.partition('?')[0]} answers {error.code}") from None
        raise Refused(f"{url.partition('?')[0]} answers {error.code} {error.reason}") from None
    except (http.client.HTTPException, ValueError) as error:
        raise OSError(f"{url.partition('?')[0]}: {error!r}") from None


def aws_keys() -> tuple[str, str, str]:
    """Key, secret and token of the node, as its environment, its container or its machine has them."""
    env = os.environ.get
    key, secret = env("AWS_ACCESS_KEY_ID"), env("AWS_SECRET_ACCESS_KEY")
    if key and secret:
        return key, secret, env("AWS_SESSION_TOKEN") or ""
    token_file = env("AWS_WEB_IDENTITY_TOKEN_FILE")
    if token_file:
        return _keys_of_web_identity(token_file)
    url = env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if path := env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"):
        url = f"http://169.254.170.2{path}"
    if url:
        token = env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
        if file := env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"):
            token = _read_file(file).decode().strip()
        found = json.loads(_get(url, {"Authorization": token} if token else {}, timeout=5))
    else:
        host = env("AWS_EC2_METADATA_SERVICE_ENDPOINT") or "http://169.254.169.254"
        place = f"{host.rstrip('/')}/latest/meta-data/iam/security-credentials/"
        asked = {"X-aws-ec2-metadata-token-ttl-seconds": "300"}
        try:
            token = _get(f"{host.rstrip('/')}/latest/api/token", asked, "PUT", timeout=2).decode()
            headers = {"X-aws-ec2-metadata-token": token}
            found = json.loads(_get(place + _get(place, headers).decode().split()[0], headers))
        except OSError as error:
            raise Refused(f"The node has no credentials for AWS ({error})") from None
    return found["AccessKeyId"], found["SecretAccessKey"], found["Token"]


def _keys_of_web_identity(file: str) -> tuple[str, str, str]:
    import re
    from urllib.parse import urlencode

    env = os.environ.get
    region = env("AWS_REGION") or env("AWS_DEFAULT_REGION")
    host = env("AWS_ENDPOINT_URL_STS") or (
        f"https://sts.{region}.amazonaws.com" if region else "https://sts.amazonaws.com"
    )
    form = {
        "Action": "AssumeRoleWithWebIdentity",
        "Version": "2011-06-15",
        "RoleArn": env("AWS_ROLE_ARN", ""),
        "RoleSessionName": env("AWS_ROLE_SESSION_NAME", "metaflow"),
        "WebIdentityToken": _read_file(file).decode().strip(),
    }
    answer = _get(f"{host}/", {}, "POST", data=urlencode(form).encode()).decode()
    names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
    key, secret, token = (re.findall(f"<{name}>([^<]*)<", answer)[0] for name in names)
    return key, secret, token


def signed_headers(host: str, path: str, region: str, keys: tuple[str, str, str], now: str) -> dict[str, str]:
    """Headers of a GET request to S3 with AWS's signature, version 4; `now` like ``20240131T235959Z``."""
    import hmac

    key, secret, token = keys
    headers = {"host": host, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": now}
    if token:
        headers["x-amz-security-token"] = token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    request = f"GET\n{path}\n\n{lines}\n{names}\nUNSIGNED-PAYLOAD"
    scope = f"{now[:8]}/{region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signing = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), text):
        signing = hmac.new(signing, part.encode(), "sha256").digest()
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signing.hex()}"
    )
    return headers


def pip_install(requirements: list[str], folder: str) -> None:
    """Install libraries into a directory."""
    import subprocess

    if os.environ.get("METAFLOW_SKIP_INSTALL_DEPENDENCIES", "").lower() not in ("", "0", "false"):
        raise Problem("METAFLOW_SKIP_INSTALL_DEPENDENCIES says that nothing is to be installed")
    names = ", ".join(requirements)
    say(f"Installing {names} with pip.")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, *requirements]
    result = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if result.returncode:
        said = result.stderr.strip().splitlines()
        raise Problem(f"pip cannot install {names}: {said[-1] if said else 'it does not say why'}")


def main() -> None:
    """Read what is to be done, and do it."""
    bundle = json.loads(os.environ.pop("METAFLOW_BUNDLE"))
    key = bundle["plan"]
    address = bundle.get("address")
    reader = Reader(bundle["location"], {key: address} if address else {}, bundle.get("why", ""))
    try:
        note = json.loads(reader.read(key))
        if hashlib.sha256(note["plan"].encode()).hexdigest() != bundle["sha256"]:
            raise Problem(f"{reader.location}/{key} is damaged, or of another run. Start the run again.")
        reader.addresses = note["addresses"]
        plan = json.loads(note["plan"])
        exec(plan["program"], globals())  # noqa: S102 - it is ours, see above
        globals()["start"](reader, plan)
    except Problem as error:
        sys.exit(f"Metaflow: The task cannot be started. {error}")


if __name__ == "__main__":
    main()

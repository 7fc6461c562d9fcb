"""A Kubernetes of the tests' own: an API server on loopback that speaks what clients call, and really runs pods.

Objects are checked against the published schemas, Jobs and JobSets make pods, pods run as containers of podman or as
plain processes. What a test wants to go wrong does: see :class:`kubernetes_server.handle.KubernetesServer`.

How it differs from a cluster, beside its size:

* All pods share the network of the machine, under 127.0.0.1; the names of a JobSet's pods lead there. Two pods cannot
  listen on the same port.
* Images are the machine's own files: ``python`` has a bare interpreter on its path, ``python-with-packages`` that of
  the tests, ``debian`` none; no others can be pulled (:mod:`kubernetes_server.launch`).
* A pod has one container, which is started once. What would need more is refused, with a message that says so.
* Failed pods of a Job are replaced after a tenth of a second rather than ten seconds, and a node that is lost is given
  up at once.
* Patches are merge patches; tokens have all rights or those to look, until a test denies something.
"""

from __future__ import annotations

from .access import ADMIN_TOKEN, VIEWER_TOKEN
from .handle import KubernetesServer, start
from .kubelet import RUNTIME_ANNOTATION

__all__ = ["ADMIN_TOKEN", "RUNTIME_ANNOTATION", "VIEWER_TOKEN", "KubernetesServer", "start"]

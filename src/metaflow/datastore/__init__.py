"""Bytes: object stores, content-addressed blobs, serializers, task manifests and logs.

The room knows nothing of flows or of metadata. Its doors are ``tasks`` (write and read the artifacts of one
task attempt), ``logs`` (write and read its output), ``root`` (which directory to use) and ``local`` (the
store in it). Nothing here keeps a thread, a lock or an open file between calls, so a process may fork at any
time.
"""

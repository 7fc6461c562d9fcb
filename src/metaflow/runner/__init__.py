"""Flows driven from Python: ``Runner`` and ``NBRunner`` run them here, ``Deployer`` and ``NBDeployer`` elsewhere.

A run is a process of its own, ``python flow.py run ...``, which this room starts, watches and ends. It knows nothing
of the command line but what the flow's file, asked in another process, says of its own commands.
"""

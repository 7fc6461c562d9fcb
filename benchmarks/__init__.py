"""Speed and cost beside Metaflow 2.19: the same flows, the same machine, one after the other.

``make bench`` runs everything and writes ``RESULTS.md``; ``python -m benchmarks --quick`` takes a minute or
two and only prints.
"""

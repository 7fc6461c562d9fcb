"""Runs that Netflix's Metaflow wrote into a local folder, brought into the datastore.

The folder is only ever read. What is read of a run is first understood (`source`, `documents`, `attempts`, `lineage`),
then written in our own terms (`artifacts`, `logs`, `cards`, `run_files`). What is damaged is reported and left out.
"""

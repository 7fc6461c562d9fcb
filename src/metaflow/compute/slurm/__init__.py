"""Slurm: batch scripts, the states that it tells, and its commands, here or on a login node that SSH reaches."""

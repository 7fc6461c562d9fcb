"""Code packages: what of a flow's code goes to another machine, as one archive that equal code makes equal."""

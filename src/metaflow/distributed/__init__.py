"""What the nodes of a ``@parallel`` step do together: meet, and run programs that span all of them.

The nodes see each other through the datastore of the run, so this works the same way on every engine, and needs nothing
in a container image but what the programs themselves need.
"""

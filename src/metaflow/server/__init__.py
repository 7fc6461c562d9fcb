"""The metadata service: records of runs, shared by a team, over HTTP; see :func:`metaflow.server.app.create_app`."""

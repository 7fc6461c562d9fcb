"""The attempts of runs that pages look at, in memory, kept up to date by what the log of events says has changed."""

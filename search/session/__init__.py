"""One session of a run: a rehearsal, the stages, the report; from the command line or from Python."""

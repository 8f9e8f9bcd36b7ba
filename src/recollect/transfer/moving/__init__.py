"""Whole stores on the move: into another store, into an archive, and out of one."""

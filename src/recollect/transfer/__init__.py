"""Conversations in and out of a store: import and export over the core."""

"""Conversations with models that keep every word."""

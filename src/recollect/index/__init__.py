"""Search without an engine: query grammar, tokenising, snippets."""

"""Storage engines. Each is imported only when a URL or a caller asks for it."""

"""The pieces of the files engine: names, lines, the disk, logs, the sidecar index."""

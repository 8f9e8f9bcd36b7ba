"""Every feature of recollect, written once over the backend protocol; no driver, no threads, no loop."""

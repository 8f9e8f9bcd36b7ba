"""The store-level part of the kit: every verb of Store and AsyncStore, written once for both."""

"""Settings: which store and namespace are meant, and what may go when it grows old."""

from .amounts import parse_duration, parse_size
from .retention import Retention
from .settings import Settings, default_store, load_settings, masked, user_file

__all__ = [
    "Retention",
    "Settings",
    "default_store",
    "load_settings",
    "masked",
    "parse_duration",
    "parse_size",
    "user_file",
]

"""recollect keeps conversations with language models."""

from ._version import __version__ as __version__

"""``python -m recollect``: the command line."""

from .cli.main import main

main()

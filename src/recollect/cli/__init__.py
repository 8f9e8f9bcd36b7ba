"""The command line. One file a noun: parse, one public call, render.

stdout is data, stderr is talk. Nothing heavy is imported before a command needs it.
"""

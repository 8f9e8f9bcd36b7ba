"""Engines that keep sessions in SQL tables.

``schema`` is the truth about the tables, ``rows`` turns session rows into columns and back, ``find``
turns filters into SQL, ``writes`` turns commits into statements, ``connections`` owns the handles of a
SQLite file and maps its errors, ``maintenance`` works behind the commits, ``sqlite`` is the engine.
"""

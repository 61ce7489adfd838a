"""Tests of the equations: known values, properties, and the oracles.

`test_every_equation.py` sends all of them through the same checks; a new equation takes
part by a line in `cases.py`, with arguments from `inputs.py`. The other files mirror
the modules of the package.
"""

"""Methods that are trained in several goes, one file per kind of loop.

`algorithms.base.Algorithm.loop` names the file; 'single' needs none.
"""

"""The command line: a skin over the layers below, one `main` per executable.

`flags` turns declared settings into absl flags and back, `arguments` reads command
lines and flagfiles, `values` converts single values, `help` lays out `--help`, and
`main` turns exceptions into messages and exit codes. None of them imports TensorFlow.
"""

"""Chaos: hundreds of jobs through the real producers, while everything around them breaks.

`plan` says what happens, by a seed; `wire` reads DICOM off a socket; `proxy` and `archive` are
the network and the stores that break; `nodes`, `producers` and `person` are the processes;
`verdict` says what was lost, doubled, above the limit or sent again; `run` is all of it.
"""

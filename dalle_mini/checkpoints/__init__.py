"""Weights on disk: how they are named, the files that hold them, and where releases come from."""

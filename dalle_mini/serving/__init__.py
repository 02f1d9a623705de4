"""The service between those who ask for pictures and the one device that draws them.

`engine` owns the device; `http` is its interface for programs, `web` the one for people. Nothing here imports JAX
before a model is loaded.
"""

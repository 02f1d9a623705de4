"""Weights of eight bits, and a product of our own with them, for CPUs that have a C++ compiler beside them."""

from dalle_mini.int8.kernel import Int8Kernel

__all__ = ["Int8Kernel"]

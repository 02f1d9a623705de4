"""Weights of eight bits, with a product and an attention of our own, for CPUs that have a C++ compiler beside them."""

from dalle_mini.int8.attention import attend_past
from dalle_mini.int8.kernel import Int8Kernel

__all__ = ["Int8Kernel", "attend_past"]

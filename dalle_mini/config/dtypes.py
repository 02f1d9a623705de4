"""What numbers are computed in, by name."""

FLOATS = ("float32", "bfloat16", "float16")
INT8 = "int8"
"""Eight bits for each weight of the transformer's kernels; all else is float32. On CPUs only."""
DTYPES = (*FLOATS, INT8)

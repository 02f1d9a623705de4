"""Names for arrays and the axes they have.

Axis legend, used in every annotation:

    batch    prompts or examples          text    text tokens of a prompt
    images   pictures being drawn         image   image tokens of a picture
    rows     images × {conditional, unconditional}, conditional first
    query    positions that look          source  positions looked at
    vocab    image token ids              codes   rows of the codebook
    height, width, channels               pixels, or cells of latents
"""

from typing import Any

from jaxtyping import Array, Bool, Complex, Float, Int32, Key, UInt8

Params = dict[str, Any]
"""A nested dict whose leaves are arrays."""

__all__ = ["Array", "Bool", "Complex", "Float", "Int32", "Key", "Params", "UInt8"]

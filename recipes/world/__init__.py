"""A picture world: openly licensed drawings composed into captioned 64-pixel scenes."""

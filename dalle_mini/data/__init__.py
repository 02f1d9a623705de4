"""Captioned pictures on disk, and the token sets made from them."""

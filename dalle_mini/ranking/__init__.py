"""Marks for pictures: how well they fit a prompt, which ones to show, and what each word had to do with it."""

from dalle_mini.ranking.choice import choose, rank
from dalle_mini.ranking.clip import LANES, Clip, RankerId, embed_images, embed_text
from dalle_mini.ranking.pixels import Pictures, prepare_pixels
from dalle_mini.ranking.words import WordWeights, leave_out

__all__ = [
    "LANES",
    "Clip",
    "Pictures",
    "RankerId",
    "WordWeights",
    "choose",
    "embed_images",
    "embed_text",
    "leave_out",
    "prepare_pixels",
    "rank",
]

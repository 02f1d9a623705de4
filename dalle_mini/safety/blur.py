"""Pictures of which nothing is left but their colors."""

from PIL import Image, ImageFilter

CELLS = 6
"""A blurred picture knows so many colors along a side, however large it is."""


def blur(image: Image.Image) -> Image.Image:
    """The picture as soft spots of color, of the same size; nobody can tell what it shows.

    What is transparent, as in an unfinished picture, stays so.
    """
    cells = image.convert("RGBA" if image.has_transparency_data else "RGB").resize((CELLS, CELLS), Image.Resampling.BOX)
    soft = cells.resize(image.size, Image.Resampling.BICUBIC)
    return soft.filter(ImageFilter.GaussianBlur(max(image.size) / CELLS / 4))

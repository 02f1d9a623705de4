"""The sheets of the documents can be drawn again of what is shipped."""

from recipes.sharing import draw


def test_memes_and_cards_are_drawn_of_examples_that_there_are() -> None:
    memes, pages = draw.draw_memes(), draw.draw_pages()
    assert memes.width > 3 * draw.CELL and pages.height > 600

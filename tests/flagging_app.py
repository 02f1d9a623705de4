"""`app.py`, with a checker that flags the second and the fifth picture in the place of the bundled network."""

import sys

from doubles import Flagging

from dalle_mini import pipeline
from dalle_mini.cli import main

if __name__ == "__main__":
    pipeline.load_bundled = lambda: Flagging(1, 4)
    sys.exit(main(["serve", *sys.argv[1:]]))

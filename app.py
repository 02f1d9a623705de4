"""Serves the page: `python app.py` here and on a Space, with the options of `dalle-mini serve`."""

import sys

from dalle_mini.cli import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))

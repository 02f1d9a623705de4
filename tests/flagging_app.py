"""`app.py`, with a checker that flags the second and the fifth picture in the place of the bundled network."""

import sys
from unittest import mock

from doubles import Flagging

from dalle_mini.cli import main

if __name__ == "__main__":
    with mock.patch("dalle_mini.loading.load_bundled", lambda: Flagging(1, 4)):
        sys.exit(main(["serve", *sys.argv[1:]]))

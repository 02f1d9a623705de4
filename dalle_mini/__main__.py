"""`python -m dalle_mini` is the command `dalle-mini`."""

import sys

from dalle_mini.cli import main

if __name__ == "__main__":
    sys.exit(main())

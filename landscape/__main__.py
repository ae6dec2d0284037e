"""``python -m landscape``: the command line, see :mod:`landscape.command`."""

import sys

from landscape.command import main

if __name__ == "__main__":
    sys.exit(main())

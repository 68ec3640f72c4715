"""`python -m segtrt`: the command line."""

import sys

from segtrt.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

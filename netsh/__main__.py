"""`python -m netsh` is `netsh`."""

import sys

from netsh.cli import main

if __name__ == "__main__":
    sys.exit(main())

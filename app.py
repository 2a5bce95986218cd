"""Refreshes the index, then serves the page on this machine. Equivalent to `rag serve`."""

import sys

from rag.cli.main import main

if __name__ == "__main__":
    sys.argv[1:1] = ["serve"]
    main()

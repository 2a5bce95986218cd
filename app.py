"""Starts the page: brings the index up to date, then serves it on this machine. The same as `rag serve`."""

import sys

from rag.cli.main import main

if __name__ == "__main__":
    sys.argv[1:1] = ["serve"]
    main()

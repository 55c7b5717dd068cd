"""``python -m asgiserve``: the command."""

from asgiserve.cli import main

if __name__ == "__main__":
    main()

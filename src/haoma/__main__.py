"""``python -m haoma`` is the command ``haoma``."""

from haoma.cli import main

if __name__ == "__main__":
    main()

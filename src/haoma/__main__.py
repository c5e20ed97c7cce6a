"""Entry point of ``python -m haoma``, the same as the command ``haoma``."""

from haoma.cli import main

if __name__ == "__main__":
    main()

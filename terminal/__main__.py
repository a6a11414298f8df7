"""`python -m terminal` is `sluice`."""

from terminal.main import main

if __name__ == "__main__":
    main()

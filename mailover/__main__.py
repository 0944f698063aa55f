"""`python -m mailover`."""

from mailover.cli import main

main()

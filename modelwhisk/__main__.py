"""`python -m modelwhisk`."""

from modelwhisk.cli import main

main(prog_name="modelwhisk")

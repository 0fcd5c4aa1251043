"""Starts the proxy in the model's folder: ``python runtime``. The port opens before anything else is imported."""

import sys


def main():
    from modelproxy import start

    return start.main()


if __name__ == "__main__":
    sys.exit(main())

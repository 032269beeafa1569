"""The `amends` command, one module per noun. Slow libraries are imported by the commands that need them."""

import sys


def main() -> None:
    """Run the command line that the process was started with."""
    try:
        from amends.cli.app import app

        app(prog_name="amends")
    except KeyboardInterrupt:  # while it is still being loaded; later the command itself ends by it
        sys.exit(130)
    except OSError as error:  # what is said before a command begins, such as the help, cannot be written
        sys.exit(f"amends: {error.strerror}")

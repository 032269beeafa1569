"""The `amends` command, one module per noun. Slow libraries are imported by the commands that need them."""

import sys


def main() -> None:
    """Run the command line that the process was started with."""
    from amends.system.garbage import collect_rarely

    collect_rarely()
    try:
        from amends.cli.app import app

        app(prog_name="amends")
    except KeyboardInterrupt:  # Ctrl-C while the modules load; later the command itself handles the signal
        sys.exit(130)
    except OSError as error:  # text printed before a command begins, such as the help, cannot be written
        sys.exit(f"amends: {error.strerror}")

"""The `amends` command, one module per noun. Slow libraries are imported by the commands that need them."""


def main() -> None:
    """Run the command line that the process was started with."""
    from amends.cli.app import app

    app(prog_name="amends")

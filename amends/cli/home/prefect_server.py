"""Prefect's server as `amends up` starts it: with pages that call no address but their own."""

from prefect.cli import app

from amends.cli.home.prefect_pages import keep_to_own_address


def main() -> None:
    """Run Prefect's command line, whose arguments are `server start …`."""
    keep_to_own_address()
    app()


if __name__ == "__main__":
    main()

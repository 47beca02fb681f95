"""The `relais` command line. An extra: Typer, Rich, pydantic and ruamel.yaml are imported here and nowhere else."""

from relais.cli.main import app

__all__ = ["app"]

"""The `insights` command.

Commands import what they need when they are called, so that `insights --help` and `validate` answer
at once.
"""

from __future__ import annotations

import importlib
from typing import Any

import typer
from typer.core import TyperGroup

__all__ = ["main"]

_COMMANDS = {
    "run": ("run", "run"),
    "validate": ("validate", "validate"),
    "show": ("results", "show"),
    "report": ("results", "report"),
    "simulate": ("simulate", "simulate"),
    "export": ("results", "export"),
    "wait": ("wait", "wait"),
    "top": ("top", "top"),
    "drive": ("drive", "drive"),
    "db": ("database", "database"),
}
_HELP = """Clusters and balanced teams from personality energies.

Exit codes: 0 done; 1 failed, trying again may help; 2 the command, the spec or its input is wrong;
3 no teams can obey all hard rules; 130 stopped by Ctrl-C.
"""


class _Lazy(TyperGroup):
    """Imports a command's module when the command is looked up."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 (the framework's signature)
        """Names of the commands that people call."""
        return [name for name in _COMMANDS if name != "drive"]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """The command of a name, None if there is none."""
        if cmd_name not in _COMMANDS:
            return None
        module, attribute = _COMMANDS[cmd_name]
        found = getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
        if isinstance(found, typer.Typer):
            return typer.main.get_group(found)
        single = typer.Typer(add_completion=False)
        single.command(name=cmd_name)(found)
        return typer.main.get_command(single)


_app = typer.Typer(cls=_Lazy, help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False)


@_app.callback()
def _root() -> None:
    pass


def main() -> None:
    """Run the command line."""
    _app(prog_name="insights")

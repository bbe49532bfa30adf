"""The options of `manage.py demo`, and what they mean for the settings. Needs no Django: manage.py asks before the settings are read."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

DEFAULT_PORT = 8000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options, for the early look in manage.py and for the command's own parser."""
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port on 127.0.0.1; 0 takes a free one (default: 8000)")
    parser.add_argument("--data-dir", type=Path, help="folder for database, keys and password (default: .data, which git ignores)")
    parser.add_argument("--no-provider", action="store_true", help="no demo provider, and no models that call it")


def demo_environment(arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """The variables to set before the settings are read. What is set already stays, but for an explicit --data-dir."""
    parser = argparse.ArgumentParser(prog="manage.py demo", add_help=False, allow_abbrev=False)
    add_options(parser)
    options, _ = parser.parse_known_args(arguments)
    wanted = {
        "PATCHBAY_PUBLIC_URL": f"http://127.0.0.1:{options.port}",
        "PATCHBAY_LOG_LEVEL": "WARNING",  # the address and the sign-ins must not drown in request lines
    }
    found = {name: value for name, value in wanted.items() if name not in environment}
    return found | ({"PATCHBAY_DATA_DIR": str(options.data_dir.resolve())} if options.data_dir else {})

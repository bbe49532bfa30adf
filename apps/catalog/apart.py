"""Reads the price package in a process of its own, so that its memory goes with that process, and its code never meets our secrets.

The other process gets an environment of a few harmless variables and answers with JSON, which, unlike a pickle, cannot make this one run
anything.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from apps.catalog.genai import INSTALL, NotInstalled, read_package
from apps.catalog.offers import DatedRates, Facts, Offer, Rates, Snapshot, Tier

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 60  # seconds; it takes one or two
HARMLESS = frozenset({"PATH", "HOME", "TMPDIR", "TEMP", "TMP", "TZ", "LANG", "SYSTEMROOT", "LD_LIBRARY_PATH"})
HARMLESS_PREFIXES = ("PYTHON", "LC_")
TIER_RATES = ("input", "output", "cached_read", "cached_write")


def read_package_apart() -> Snapshot:
    """What the installed package offers. Raises NotInstalled; subprocess.SubprocessError when the package cannot be read."""
    command = [sys.executable, "-P", "-m", "apps.catalog.apart"]
    done = subprocess.run(  # noqa: S603  # our own interpreter and module
        command, env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=LONGEST, check=True
    )
    said = json.loads(done.stdout)
    if said is None:
        raise NotInstalled(INSTALL)
    return _snapshot(said)


def _environment() -> dict[str, str]:
    """Nothing that anybody keeps a secret in, and where this code is."""
    kept = {name: value for name, value in os.environ.items() if name in HARMLESS or name.startswith(HARMLESS_PREFIXES)}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH"))))}


def _snapshot(said: Mapping[str, Any]) -> Snapshot:
    left_out = {reason: tuple(ids) for reason, ids in said["left_out"].items()}
    return Snapshot(said["source"], said["version"], tuple(_offer(each) for each in said["offers"]), left_out)


def _offer(said: Mapping[str, Any]) -> Offer:
    retires_on = said["facts"]["retires_on"]
    facts = Facts(**said["facts"] | {"retires_on": date.fromisoformat(retires_on) if retires_on else None})
    return Offer(said["provider"], said["model_id"], facts, tuple(_dated(each) for each in said["prices"]))


def _dated(said: Mapping[str, Any]) -> DatedRates:
    rates = said["rates"]
    tiers = tuple(Tier(tier["above"], **_decimals(tier)) for tier in rates["tiers"])
    since = datetime.fromisoformat(said["since"]) if said["since"] else None
    return DatedRates(since, Rates(**_decimals(rates), tiers=tiers, other=rates["other"]))


def _decimals(said: Mapping[str, Any]) -> dict[str, Decimal | None]:
    return {name: None if said[name] is None else Decimal(said[name]) for name in TIER_RATES}


def main() -> None:
    """In the other process: the snapshot on standard output, null without the package."""
    try:
        said = asdict(read_package())
    except NotInstalled:
        said = None
    json.dump(said, sys.stdout, default=str)


if __name__ == "__main__":
    main()

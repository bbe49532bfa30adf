"""``manage.py demo``: a whole Patchbay on a machine with nothing else, with people, models, and a provider that answers them."""

import asyncio
import socket
from argparse import ArgumentParser
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from apps.accounts.permissions import ROLE_PERMISSIONS, Permission
from apps.audit.record import SYSTEM
from apps.demo import people
from apps.demo.aws import seed_bedrock, use_stand_in
from apps.demo.history import seed_history
from apps.demo.options import add_options
from apps.demo.programs import call_line, demo_key
from apps.demo.provider.server import HOST
from apps.demo.seeding import fill_catalog, seed
from apps.demo.serving import DemoError, listen, serve, start_provider
from apps.egress.actions import allow_egress


@dataclass(frozen=True, slots=True)
class Ready:
    """What the demo tells at its start: who can sign in, and the key of its program, "" if somebody has revoked that."""

    sign_ins: list[tuple[str, str, str]]
    api_key: str


class Command(BaseCommand):
    help = "Run Patchbay with a demo workspace and a demo provider, on this machine only. A second start keeps what is there."
    requires_system_checks = []  # the database may not exist yet; the server checks when it starts

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo prints its password, so it does not run with PATCHBAY_ENV=production.")
        folder = Path(settings.DATA_DIR)
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with listen(options["port"]) as listener:
                asyncio.run(self.run(listener, folder, with_provider=not options["no_provider"]))
        except (DemoError, people.ForeignDatabase) as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            pass  # before the server took over the signals
        self.say("Stopped.")

    async def run(self, listener: socket.socket, folder: Path, *, with_provider: bool) -> None:
        """Provider, database, server, in this order; all of it ends together."""
        provider = await start_provider(folder, self.say) if with_provider else None
        try:
            ready = await sync_to_async(prepare)(folder, provider.port if provider else None)
            await serve(listener, lambda: self.announce(listener, folder, ready, provider.url if provider else ""))
        finally:
            if provider:
                await provider.stop()

    def announce(self, listener: socket.socket, folder: Path, ready: Ready, provider_url: str) -> None:
        address = f"http://{HOST}:{listener.getsockname()[1]}"
        widths = [max(len(row[column]) for row in ready.sign_ins) for column in (0, 1)]
        self.say(f"\nPatchbay: {address}/\n\nSign in as")
        for email, rights, password in ready.sign_ins:
            self.say(f"  {email:<{widths[0]}}  {rights:<{widths[1]}}  {password}")
        if provider_url:
            self.say(f"\nDemo provider: {provider_url}/ (python -m apps.demo.provider --help)")
        if provider_url and ready.api_key:
            self.say(f"\nCall a model from a program:\n  {call_line(address, ready.api_key)}")
        self.say(f"\nEverything is kept in {folder}. Ctrl-C stops it.")

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()


def prepare(folder: Path, provider_port: int | None) -> Ready:
    """Make what is missing: database, people, workspaces, the provider's egress rule, models, a program's key."""
    people.check_database()
    call_command("migrate", interactive=False, verbosity=0)
    password = people.demo_password(folder)
    users = people.make_people(password)
    if provider_port is not None:
        use_stand_in(f"http://{HOST}:{provider_port}")
        reason = "The demo provider of this machine"
        allow_egress(actor=SYSTEM, host=HOST, ports=[provider_port], scheme="http", reason=reason)
    fill_catalog()
    for plan in people.WORKSPACES:
        workspace = people.make_workspace(plan, users)
        if provider_port is not None:
            seed(workspace, users[plan.owner], f"http://{HOST}:{provider_port}")
            seed_bedrock(workspace, users[plan.owner], users[people.PAT])
            seed_history(
                workspace, [users[person] for person, role in plan.roles.items() if Permission.USE_MODELS in ROLE_PERMISSIONS[role]]
            )
    claims = people.make_workspace(people.CLAIMS, users)
    ready = Ready(people.sign_ins(password), demo_key(folder, claims, users[people.CLAIMS.owner]))
    connections.close_all()
    return ready

"""python -m apps.demo.provider --port 8901: the demo provider on its own, until Ctrl-C or SIGTERM."""

import argparse
import asyncio
import signal
import sys

from apps.demo.provider.keys import DEMO_KEYS
from apps.demo.provider.server import Provider

PACE = 0.03  # seconds between streamed words, so that a person sees them come


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m apps.demo.provider", description="A model provider on loopback for trying things out.")
    parser.add_argument("--port", type=int, default=8901, help="port on 127.0.0.1; 0 takes a free one (default: 8901)")
    port = parser.parse_args().port
    try:
        asyncio.run(serve(port))
    except OSError as error:
        sys.stderr.write(f"Cannot listen on 127.0.0.1:{port}: {error.strerror}. Choose another with --port.\n")
        return 1
    return 0


async def serve(port: int) -> None:
    """Serve until told to stop; raises OSError when the port is taken."""
    provider = Provider(port=port, pace=PACE)
    await provider.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    sys.stdout.write(f"Demo provider on {provider.url}\n")
    sys.stdout.writelines(f"  {name:<10} {keys.accepted}\n" for name, keys in DEMO_KEYS.items())
    sys.stdout.flush()
    await stop.wait()
    await provider.stop()


if __name__ == "__main__":
    sys.exit(main())

"""Other gateways to compare with, each in a folder of its own outside the project: nothing of them is a dependency of the product.

LiteLLM's proxy comes from the Python registry into an environment of its own, Portkey's gateway from npm, nginx from the system. One that
cannot be had is left out of the report, with a word.
"""

import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 120.0
LITELLM_KEY = "sk-benchmark-0123456789"


@dataclass
class Running:
    """One system under test: where it listens, how it is asked, and the process that is measured."""

    name: str
    port: int
    path: str
    headers: dict[str, str]
    process: subprocess.Popen[bytes]
    model: str = "gpt-bench"
    stop_with: list[str] = field(default_factory=list)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=40)
        except subprocess.TimeoutExpired:
            self.process.kill()


def wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"ended with {process.returncode}: {log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=2)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    process.kill()
    raise RuntimeError(f"did not start within {START_SECONDS:g} s: {log.read_text()[-2000:]}")


def start(name: str, command: list[str], port: int, folder: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=output, stderr=subprocess.STDOUT)
    wait_until_open(port, process, log)
    return process


def litellm(folder: Path, port: int, upstream: int) -> Running:
    home = folder / "litellm"
    if not (home / "bin/litellm").exists():
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(home)], check=True)
        subprocess.run(["uv", "pip", "install", "--quiet", "--python", str(home / "bin/python"), "litellm[proxy]"], check=True)
    config = folder / "litellm.yaml"
    config.write_text(
        f"""model_list:
  - model_name: gpt-bench
    litellm_params:
      model: openai/gpt-bench
      api_base: http://127.0.0.1:{upstream}/fast/v1
      api_key: sk-upstream
general_settings:
  master_key: {LITELLM_KEY}
litellm_settings:
  telemetry: false
"""
    )
    command = [str(home / "bin/litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
    quiet = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION"}
    process = start("litellm", command, port, folder, quiet)
    return Running("LiteLLM proxy", port, "/v1/chat/completions", {"Authorization": f"Bearer {LITELLM_KEY}"}, process)


def portkey(folder: Path, port: int, upstream: int) -> Running:
    home = folder / "portkey"
    script = home / "node_modules/@portkey-ai/gateway/build/start-server.js"
    if not script.exists():
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["npm", "install", "--silent", "--no-save", "--prefix", str(home), "@portkey-ai/gateway"], check=True)
    command = ["node", str(script), f"--port={port}", "--headless"]
    process = start("portkey", command, port, folder, {"NODE_ENV": "production"})
    host = f"http://127.0.0.1:{upstream}/fast/v1"
    headers = {"Authorization": "Bearer sk-upstream", "x-portkey-provider": "openai", "x-portkey-custom-host": host}
    return Running("Portkey gateway", port, "/v1/chat/completions", headers, process)


def nginx(folder: Path, port: int, upstream: int) -> Running:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        raise RuntimeError("nginx is not installed")
    config = folder / "nginx.conf"
    config.write_text(
        f"""daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/nginx-error.log error;
events {{ worker_connections 4096; }}
http {{
  access_log off; client_body_temp_path {folder}/nginx-body; proxy_temp_path {folder}/nginx-proxy; fastcgi_temp_path {folder}/nginx-f;
  uwsgi_temp_path {folder}/nginx-u; scgi_temp_path {folder}/nginx-s; keepalive_requests 1000000;
  upstream mock {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 1000000; }}
  server {{ listen 127.0.0.1:{port};
    location / {{ proxy_pass http://mock/fast/; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }} }}
}}
"""
    )
    process = start("nginx", [program, "-p", str(folder), "-c", str(config), "-e", f"{folder}/nginx-start.log"], port, folder, {})
    return Running("nginx, plain proxy", port, "/v1/chat/completions", {}, process)

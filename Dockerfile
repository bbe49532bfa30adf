# The image runs one web process; start it as often as you like behind a load balancer (compose.yaml shows two, and their worker).
# Nothing secret is in it: keys come from the environment when it starts (README.md, Configuration).

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv==0.13.8
WORKDIR /app
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_COMPILE_BYTECODE=1
# Dependencies first, so that a change of the code does not fetch them again.
COPY pyproject.toml uv.lock .python-version ./
# The price package comes along, so that `update_catalog` and its page in the platform admin work in a container; so does what writes spans.
RUN uv sync --locked --no-dev --extra prices --extra otel
COPY manage.py LICENSE ./
COPY config config
COPY apps apps
COPY templates templates
COPY static static
# Settings refuse to load without keys; these two live for the length of this command.
RUN PATCHBAY_ENV=production PATCHBAY_STATIC_ROOT=/app/staticfiles PATCHBAY_DJANGO_SECRET_KEY="$(.venv/bin/python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    PATCHBAY_SECRET_KEYS="build:$(.venv/bin/python -c 'import base64, os; print(base64.b64encode(os.urandom(32)).decode())')" \
    .venv/bin/python manage.py collectstatic --no-input

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /home/patchbay patchbay && install -d -o patchbay -g patchbay /data
WORKDIR /app
COPY --from=build /app /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 PATCHBAY_ENV=production PATCHBAY_DATA_DIR=/data PATCHBAY_STATIC_ROOT=/app/staticfiles
USER patchbay
VOLUME /data
EXPOSE 8000
# Proxy headers are read by Patchbay itself (PATCHBAY_TRUSTED_PROXIES), not by the server. 30 s is how long an answer may take to finish.
CMD ["uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--no-proxy-headers", "--no-server-header", "--timeout-graceful-shutdown", "30"]

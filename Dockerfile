# Build: Rust, Python and uv; none of them reach the image that runs.
FROM rust:1-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv python3-dev gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python3 -m venv /uv && /uv/bin/pip install --no-cache-dir 'uv>=0.13,<0.14'
ENV UV_PROJECT_ENVIRONMENT=/opt/gateway UV_PYTHON_DOWNLOADS=never UV_PYTHON=python3 UV_LINK_MODE=copy
# Without bytecode the first start of a container imports for two seconds instead of half a one.
ENV UV_COMPILE_BYTECODE=1

# Dependencies first: they change less often than the sources.
COPY pyproject.toml uv.lock ./
RUN /uv/bin/uv sync --locked --no-dev --extra postgres --extra s3 --no-install-project

COPY . .
RUN /uv/bin/uv sync --locked --no-dev --extra postgres --extra s3 --no-editable

# Run: the same Debian and the same Python, without compilers and development tools.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/gateway --create-home gateway
COPY --from=build /opt/gateway /opt/gateway
ENV PATH=/opt/gateway/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER gateway
WORKDIR /var/lib/gateway
# Settings, partners, certificates and the archive are mounted; secrets come from files or the environment.
VOLUME ["/etc/gateway", "/var/lib/gateway"]
EXPOSE 8443
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python3", "-c", "import os, urllib.request as u; u.urlopen(os.environ.get('GATEWAY_HEALTH_URL', 'http://127.0.0.1:8081/health/live'), timeout=4)"]
ENTRYPOINT ["gateway"]
CMD ["serve", "--config", "/etc/gateway/gateway.toml"]

# One image for every process; the command chooses. Built from the lock file; no compiler, no server binaries.
FROM python:3.13-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir uv==0.13.9
COPY pyproject.toml uv.lock README.md ./
RUN UV_PROJECT_ENVIRONMENT=/opt/penstock UV_PYTHON_DOWNLOADS=never uv sync --frozen --no-default-groups --no-install-project
COPY . .
RUN UV_PROJECT_ENVIRONMENT=/opt/penstock UV_PYTHON_DOWNLOADS=never uv sync --frozen --no-default-groups --no-editable --compile-bytecode

FROM python:3.13-slim
# An empty named volume takes its owner from the folder that it is mounted on.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/penstock penstock \
    && install -d -o penstock -g penstock -m 0700 /var/lib/penstock/cluster /var/lib/penstock/edge /run/penstock
COPY --from=build /opt/penstock /opt/penstock
ENV PATH=/opt/penstock/bin:$PATH PYTHONUNBUFFERED=1
USER penstock
WORKDIR /var/lib/penstock
STOPSIGNAL SIGTERM
CMD ["penstock", "--help"]

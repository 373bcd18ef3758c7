# Two images from one file: `operator` (small: no Ray, no pandas) and `workload` (the engine).
#
#   docker build --target operator -t insights-operator .
#   docker build --target workload -t insights-workload .
#
# BASE_IMAGE is the only switch: any Debian-like image with Python 3.11 or newer, its venv module,
# bash and wget (KubeRay's probes call both). What is in an image is in its /opt/insights/sbom.cdx.json.
ARG BASE_IMAGE=docker.io/library/python:3.13.9-slim-trixie

FROM ${BASE_IMAGE} AS installer
ENV UV_PROJECT_ENVIRONMENT=/opt/insights \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1
RUN python3 -m venv /opt/uv && /opt/uv/bin/python -m pip install --no-cache-dir uv==0.13.9
WORKDIR /src
# Packages first: they change less often than the code. The code is installed anew each time: uv's
# cache knows it by pyproject.toml alone, and would put yesterday's into the image.
COPY pyproject.toml uv.lock ./

FROM installer AS operator-build
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv sync --frozen --no-default-groups --no-install-project --extra operator
COPY README.md LICENSE ./
COPY crds crds
COPY operator operator
COPY store store
COPY workloads workloads
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv sync --frozen --no-default-groups --no-editable --extra operator \
    --reinstall-package observer-coordinator-insights
RUN /opt/uv/bin/uv export --quiet --frozen --no-default-groups --extra operator --no-emit-project \
    --preview-features sbom-export --format cyclonedx1.5 -o /opt/insights/sbom.cdx.json

FROM installer AS workload-build
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv sync --frozen --no-default-groups --no-install-project --extra workloads
COPY README.md LICENSE ./
COPY crds crds
COPY operator operator
COPY store store
COPY workloads workloads
RUN --mount=type=cache,target=/root/.cache/uv \
    /opt/uv/bin/uv sync --frozen --no-default-groups --no-editable --extra workloads \
    --reinstall-package observer-coordinator-insights
RUN /opt/uv/bin/uv export --quiet --frozen --no-default-groups --extra workloads --no-emit-project \
    --preview-features sbom-export --format cyclonedx1.5 -o /opt/insights/sbom.cdx.json

FROM ${BASE_IMAGE} AS operator
LABEL org.opencontainers.image.title="Observer Coordinator Insights: operator" \
      org.opencontainers.image.source="https://github.com/observer-coordinator/insights" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=operator-build /opt/insights /opt/insights
ENV PATH=/opt/insights/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    USER=insights
USER 65532:65532
ENTRYPOINT ["insights-operator"]

FROM ${BASE_IMAGE} AS workload
LABEL org.opencontainers.image.title="Observer Coordinator Insights: engine" \
      org.opencontainers.image.source="https://github.com/observer-coordinator/insights" \
      org.opencontainers.image.licenses="Apache-2.0"
# The slim Python image has no wget, which KubeRay's probes call.
RUN command -v wget >/dev/null || { apt-get update && apt-get install -y --no-install-recommends wget \
    && rm -rf /var/lib/apt/lists/*; }
COPY --from=workload-build /opt/insights /opt/insights
ENV PATH=/opt/insights/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    USER=insights
WORKDIR /work
USER 65532:65532
CMD ["insights", "--help"]

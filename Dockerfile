# Two images from one file:  docker build --target cpu .   docker build --target cuda .
# Models are not baked in: InsightFace's are for non-commercial research only. Mount /models, and /data for projects.
FROM python:3.12-slim AS base
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    GRADIO_ANALYTICS_ENABLED=False HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_OFFLINE=1 \
    FACECROP_MODELS=/models PATH=/app/.venv/bin:$PATH
RUN useradd --create-home --uid 1000 facecrop \
 && mkdir -p /app /models /data && chown facecrop /app /models /data
WORKDIR /app
USER facecrop
ENV UV_COMPILE_BYTECODE=1
RUN python -m venv .venv && .venv/bin/pip install --quiet --no-cache-dir uv
COPY --chown=facecrop pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --quiet --frozen --inexact --no-default-groups --no-install-project --no-cache
COPY --chown=facecrop facecrop_core facecrop_core
COPY --chown=facecrop facecrop_ui facecrop_ui
COPY --chown=facecrop presets presets
COPY --chown=facecrop app.py .
RUN uv sync --quiet --frozen --inexact --no-default-groups --no-cache
VOLUME ["/models", "/data"]
ENTRYPOINT ["facecrop"]
CMD ["doctor"]

FROM base AS cuda
RUN uv sync --quiet --frozen --inexact --no-default-groups --extra gpu --no-cache

FROM base AS cpu

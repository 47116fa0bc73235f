# syntax=docker/dockerfile:1
# Headwater as an image: `--target cpu` (the default of docker-compose.yml) or `--target gpu`.
# Not built by the tests: the machines they run on have no Docker engine.
FROM python:3.11-slim AS source
RUN apt-get update \
 && apt-get install -y --no-install-recommends git \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 headwater
WORKDIR /app
COPY requirements/uv.lock requirements/cluster.lock requirements/
RUN python -m venv /opt/uv \
 && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r requirements/uv.lock \
 && python -m venv /opt/headwater

FROM source AS installed-gpu
RUN /opt/uv/bin/uv pip sync --no-cache --require-hashes --python /opt/headwater/bin/python requirements/cluster.lock

FROM source AS installed-cpu
# The CPU build of torch is a tenth of the size of the other; it has no hashes in the lock, so it comes first and alone,
# at the locked version, and the lock without it and without its CUDA parts follows.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN awk '/^[a-z0-9]/ { skip = $0 ~ /^(torch==|nvidia-|cuda-|triton==)/ } !skip' requirements/cluster.lock > cpu.lock \
 && torch="$(sed -n 's/^\(torch==[^ ]*\) .*/\1/p' requirements/cluster.lock)" \
 && /opt/uv/bin/uv pip install --no-cache --python /opt/headwater/bin/python --no-deps --index-url "$TORCH_INDEX" "$torch" \
 && /opt/uv/bin/uv pip install --no-cache --no-deps --require-hashes --python /opt/headwater/bin/python -r cpu.lock

FROM python:3.11-slim AS base
RUN apt-get update \
 && apt-get install -y --no-install-recommends git libgomp1 openssh-client \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home --uid 10001 headwater \
 && install -d -o headwater -g headwater /var/lib/headwater /home/headwater/.cache /home/headwater/.cache/headwater
ENV PATH=/opt/headwater/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HEADWATER_HOME=/var/lib/headwater
WORKDIR /app

FROM base AS gpu
COPY --from=installed-gpu /opt/headwater /opt/headwater
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
USER headwater
ENTRYPOINT ["headwater"]

FROM base AS cpu
COPY --from=installed-cpu /opt/headwater /opt/headwater
COPY . .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
USER headwater
ENTRYPOINT ["headwater"]

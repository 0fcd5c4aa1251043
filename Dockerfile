# Wraps one model's image so that it runs as an OpenWhisk action: adds runtime/ as one layer and sets the entry point.
# Working directory, user, environment and packages of the model's image stay as they are.
#
#   docker build --build-arg MODEL_IMAGE=codait/max-object-detector -t me/max-object-detector .
#
# build.sh does the same for many images, with labels, a test and a push. Nothing here needs BuildKit or a network.

ARG MODEL_IMAGE

# The model's own Python compiles the byte-code, since no other is sure to be of the same version. This stage alone runs as
# root.
FROM ${MODEL_IMAGE} AS compile
USER 0
# A folder of its own: a base may declare /tmp or its like a volume, and what RUN writes to a volume is lost.
COPY runtime /.modelproxy/runtime
COPY scripts/build/install.py /.modelproxy/install.py
# Only an image that is built for it gets what compares predictions with a reference.
ARG MODELPROXY_DRIFT=
ARG MODELPROXY_DRIFT_COLLECT=
# Shell form, so that a base's own SHELL (an activated environment, say) finds the Python that `python app.py` runs there.
# Nothing is downloaded, and docker may name proxies here, with passwords that are none of the image's business.
# The order of a set's items in byte-code, and columns for tracebacks that quote the source, would differ or be in vain.
RUN unset HTTP_PROXY HTTPS_PROXY FTP_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy ftp_proxy no_proxy all_proxy; \
    for name in python python3; do \
      python=$(command -v "$name") || continue; \
      "$python" -c 'import sys; sys.exit(sys.version_info < (3, 6))' || continue; \
      export PYTHONHASHSEED=0 PYTHONNODEBUGRANGES=1; \
      exec "$python" /.modelproxy/install.py /.modelproxy/runtime /.modelproxy/out /modelproxy "$python"; \
    done; \
    echo "modelproxy: this image has no Python 3.6 or later named python or python3 on its PATH ($PATH)" >&2; \
    exit 1

FROM ${MODEL_IMAGE}
# A folder of the root, since its parent has no entry in the layer: with the fixed times that install.py sets, the same
# proxy over the same Python is the same layer in every wrapper, stored and pulled once.
COPY --from=compile /.modelproxy/out/ /

# The proxy's settings (runtime/modelproxy/settings.py), each empty unless given as a build argument. An empty one counts
# as not set; any can be set anew when the container starts.
ARG MODELPROXY_MODE
ARG MODELPROXY_PORT
ARG MODELPROXY_ADDRESS
ARG MODELPROXY_HOST
ARG MODELPROXY_TARGET
ARG MODELPROXY_INIT_CODE
ARG MODELPROXY_COMMAND_PORT
ARG MODELPROXY_PATH
ARG MODELPROXY_PUBLIC_PATH
ARG MODELPROXY_CORS
ARG MODELPROXY_CONCURRENCY
ARG MODELPROXY_MAX_BODY
ARG MODELPROXY_RESULT_LIMIT
ARG MODELPROXY_DEADLINE_MARGIN
ARG MODELPROXY_WARM_UP
ARG MODELPROXY_READ_TIMEOUT
ARG MODELPROXY_KEEP_ALIVE
ARG MODELPROXY_HEALTH_PATH
ARG MODELPROXY_LOG
ARG MODELPROXY_DRIFT
ARG MODELPROXY_DRIFT_BUDGET
ARG MODELPROXY_DRIFT_WINDOW
ARG MODELPROXY_DRIFT_BOUND
ARG MODELPROXY_DRIFT_ALERT
ARG MODELPROXY_DRIFT_COLLECT
# What the model's image itself would start, as JSON lists, for a model that runs as a command of its own.
ARG MODELPROXY_BASE_ENTRYPOINT
ARG MODELPROXY_BASE_CMD
ENV MODELPROXY_MODE=${MODELPROXY_MODE} \
    MODELPROXY_PORT=${MODELPROXY_PORT} \
    MODELPROXY_ADDRESS=${MODELPROXY_ADDRESS} \
    MODELPROXY_HOST=${MODELPROXY_HOST} \
    MODELPROXY_TARGET=${MODELPROXY_TARGET} \
    MODELPROXY_INIT_CODE=${MODELPROXY_INIT_CODE} \
    MODELPROXY_COMMAND_PORT=${MODELPROXY_COMMAND_PORT} \
    MODELPROXY_PATH=${MODELPROXY_PATH} \
    MODELPROXY_PUBLIC_PATH=${MODELPROXY_PUBLIC_PATH} \
    MODELPROXY_CORS=${MODELPROXY_CORS} \
    MODELPROXY_CONCURRENCY=${MODELPROXY_CONCURRENCY} \
    MODELPROXY_MAX_BODY=${MODELPROXY_MAX_BODY} \
    MODELPROXY_RESULT_LIMIT=${MODELPROXY_RESULT_LIMIT} \
    MODELPROXY_DEADLINE_MARGIN=${MODELPROXY_DEADLINE_MARGIN} \
    MODELPROXY_WARM_UP=${MODELPROXY_WARM_UP} \
    MODELPROXY_READ_TIMEOUT=${MODELPROXY_READ_TIMEOUT} \
    MODELPROXY_KEEP_ALIVE=${MODELPROXY_KEEP_ALIVE} \
    MODELPROXY_HEALTH_PATH=${MODELPROXY_HEALTH_PATH} \
    MODELPROXY_LOG=${MODELPROXY_LOG} \
    MODELPROXY_DRIFT=${MODELPROXY_DRIFT} \
    MODELPROXY_DRIFT_BUDGET=${MODELPROXY_DRIFT_BUDGET} \
    MODELPROXY_DRIFT_WINDOW=${MODELPROXY_DRIFT_WINDOW} \
    MODELPROXY_DRIFT_BOUND=${MODELPROXY_DRIFT_BOUND} \
    MODELPROXY_DRIFT_ALERT=${MODELPROXY_DRIFT_ALERT} \
    MODELPROXY_DRIFT_COLLECT=${MODELPROXY_DRIFT_COLLECT} \
    MODELPROXY_BASE_ENTRYPOINT=${MODELPROXY_BASE_ENTRYPOINT} \
    MODELPROXY_BASE_CMD=${MODELPROXY_BASE_CMD}

# The platform connects to 8080, has no use for a health check, and passes no command.
EXPOSE 8080
HEALTHCHECK NONE
ENTRYPOINT ["/modelproxy/start"]
CMD []

# build.sh says more: https://github.com/opencontainers/image-spec/blob/main/annotations.md
ARG MODEL_IMAGE
LABEL org.opencontainers.image.base.name=${MODEL_IMAGE}

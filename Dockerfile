# Web processes and workers alike; compose.yaml says which is which. Nothing here needs root when it runs.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.lock ./
RUN python -m venv --without-pip /venv \
 && pip --python /venv/bin/python install --no-cache-dir --no-deps -r requirements.lock
COPY manage.py ./
COPY aidetect ./aidetect
COPY classifier ./classifier
COPY templates ./templates
COPY static ./static
COPY dataset/README.md ./dataset/
RUN RUN_DIR=/tmp/run /venv/bin/python manage.py collectstatic --noinput \
 && /venv/bin/python -m compileall -q aidetect classifier

FROM python:3.11-slim-bookworm
RUN pip uninstall --yes pip setuptools wheel \
 && useradd --system --uid 10001 --no-create-home aidetect \
 && install --directory --owner=aidetect --mode=700 /data /data/run /data/media
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    TF_CPP_MIN_LOG_LEVEL=3 \
    RUN_DIR=/data/run \
    MEDIA_ROOT=/data/media
USER aidetect
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "aidetect.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4", "--graceful-timeout", "20", "--worker-tmp-dir", "/dev/shm", "--log-level", "warning"]

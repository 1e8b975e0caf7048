# One image for every process of docker-compose.yml; the service's command says which one it is.

FROM node:22-slim AS browser-libraries
WORKDIR /podium
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM python:3.11-slim AS podium
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    PODIUM_DATA_DIR=/data PODIUM_STATIC_ROOT=/podium/staticfiles
WORKDIR /podium
RUN useradd --system --uid 10001 --home-dir /data podium && install -d -o podium -g podium /data

# The dependencies before the code: they change less often. The CUDA build of torch comes with them; for an image
# without, build with --build-arg PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
ARG PIP_EXTRA_INDEX_URL=
COPY pyproject.toml requirements.lock ./
RUN pip install --no-cache-dir --upgrade "pip>=25.1" \
    && pip install --no-cache-dir --constraint requirements.lock --group run

COPY --from=browser-libraries /podium/node_modules node_modules
COPY manage.py ./
COPY artifacts artifacts
COPY config config
COPY formats formats
COPY jobs jobs
COPY labeling labeling
COPY rewardtrain rewardtrain
COPY operations operations
COPY templates templates
COPY static static
COPY locale locale
# The addresses only have to be well-formed here: nothing is asked of the servers.
RUN SECRET_KEY=only-for-this-step DATABASE_URL=postgresql://nobody@none/none REDIS_URL=redis://none \
    python manage.py collectstatic --no-input --verbosity 0

USER podium
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "config.processes.web", "--host", "0.0.0.0", "--port", "8000", "--workers", "2"]

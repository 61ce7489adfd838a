# On CPUs, with the tested versions of constraints.txt:
#     docker build -t mixdmt_tf .
#     docker run --rm -v "$PWD:/work" mixdmt_tf train_realmix --flagfile=quickstart
# Dockerfile.gpu is the one for NVIDIA's GPUs.
FROM python:3.11-slim

WORKDIR /src
COPY setup.py README.md LICENSE constraints.txt ./
COPY flags flags
COPY mixdmt_tf mixdmt_tf
RUN pip install --no-cache-dir -c constraints.txt setuptools wheel \
    && pip install --no-cache-dir --no-build-isolation -c constraints.txt ".[pretrained,serve,tune]"

RUN useradd --create-home user && install -d -o user /work
USER user
WORKDIR /work
ENTRYPOINT ["python", "-m", "mixdmt_tf"]

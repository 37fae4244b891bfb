"""How TensorFlow is to load. It reads these once, so whatever imports Keras or TensorFlow imports this first."""

import os

# By itself it uses oneDNN only on processors with AVX-512 for networks (VNNI); on one with AVX2 alone eight networks of
# the space then take 1.6 times as long (docs/log.md, 2026-11-25). What a user has set stays.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # keep its chatter off the terminal

"""What the project measures: `make bench` prints one table (see __main__)."""

import os

# Servers are started beside open channels: grpc need not, and shall not, speak of forks.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

"""`python -m config.queue <pid>`: one django-q2 cluster, started and watched by `manage.py worker` (that pid)."""

import os
import signal
import sys

import django

from config import processes


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    # The cluster's processes wait for each other for ever: kill one at the top and all must go.
    processes.die_with_parent(signal.SIGKILL, parent=int(sys.argv[1]))
    processes.tie_descendants_to_parents()
    django.setup()
    from django.db import connections
    from django_q.cluster import Cluster

    connections.close_all()  # a forked process never shares a connection
    Cluster().start()


if __name__ == "__main__":
    main()

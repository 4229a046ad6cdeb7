"""`python -m notifications.tests.webhook_launcher`: one dispatcher for each line it reads, forked; prints its pid.

It has set up Django once and has no threads, so a dispatcher takes milliseconds to begin.
"""

import asyncio
import os
import signal
import sys


def main() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from config import processes
    from notifications.services.webhooks import Dispatcher

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            processes.die_with_parent(signal.SIGKILL)
            asyncio.run(Dispatcher().run())
            os._exit(0)
        print(pid, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()

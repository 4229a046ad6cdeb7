#!/usr/bin/env python
"""Django's command line, with the embedded database started where none is configured."""

import os
import sys

# These need no database and must work where there is none.
WITHOUT_DATABASE = {"help", "collectstatic", "makemessages", "compilemessages", "startapp", "spectacular"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from config import database, env

    env.load()
    wanted = len(sys.argv) > 1 and sys.argv[1] not in WITHOUT_DATABASE and "--help" not in sys.argv
    if wanted and not os.environ.get("DATABASE_URL"):
        try:
            database.join(database.embedded())
        except database.DatabaseError as error:
            sys.exit(str(error))
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()

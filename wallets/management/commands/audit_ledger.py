import sys
from typing import Any

from django.core.management.base import BaseCommand

from wallets.services.audit import audit, counts


class Command(BaseCommand):
    requires_system_checks = ()  # the books can be proven whatever else is wrong
    help = "Prove every invariant of the books. Exit 1 and name the differences where one is broken."

    def handle(self, *args: Any, **options: Any) -> None:
        for name, count in counts().items():
            self.stdout.write(f"{name:>14} {count:,}")
        broken = 0
        for finding in audit():
            self.stdout.write(f"{'FAILED' if finding.differences else 'ok':>14} {finding.promise}")
            for difference in finding.differences:
                self.stdout.write(f"{'':>15}- {difference}")
            broken += bool(finding.differences)
        if broken:
            self.stderr.write(f"{broken} promises are broken.")
            sys.exit(1)
        self.stdout.write("The books are right.")

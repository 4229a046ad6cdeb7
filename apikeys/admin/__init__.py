"""Staff's view of who may come in. Secrets are shown once, when they are made, and nowhere else."""

from apikeys.admin import keys, passwords, people

__all__ = ["keys", "passwords", "people"]

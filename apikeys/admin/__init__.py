"""Staff's view of who may come in. Secrets are shown once, when they are made, and nowhere else."""

from apikeys.admin import clients, keys, passwords, people

__all__ = ["clients", "keys", "passwords", "people"]

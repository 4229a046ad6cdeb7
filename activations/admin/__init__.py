"""The back office's pages of rentals: orders and their stories, messages, the house's own numbers."""

from activations.admin import messages, orders, pool, sandbox

__all__ = ["messages", "orders", "pool", "sandbox"]

from activations.tests.conftest import offer, provider

__all__ = ["offer", "provider"]

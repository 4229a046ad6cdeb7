from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Configuration"

    def ready(self) -> None:
        # The API's base before anything of DRF's, which would else import it halfway through its own import.
        from config import (
            api,  # noqa: F401
            checks,  # noqa: F401  (registers them)
        )

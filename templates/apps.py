from django.apps import AppConfig, apps


class TemplatesConfig(AppConfig):
    name = "templates"
    verbose_name = "Templates"

    def ready(self) -> None:
        """Take other people's pages out of the admin: whoever may add a django-q2 schedule there can run any code."""
        from django.contrib import admin

        for app in ("django_q", "knox"):
            for model in apps.get_app_config(app).get_models():
                if admin.site.is_registered(model):
                    admin.site.unregister(model)

"""Takes the queue's pages out of the back office: whoever may add a django-q2 schedule there can run any code."""

from django.apps import apps
from django.contrib import admin

# `admin.autodiscover()` comes here after django-q2's own pages, whose app stands before this one in INSTALLED_APPS.
for model in apps.get_app_config("django_q").get_models():
    if admin.site.is_registered(model):
        admin.site.unregister(model)

from django.db import models


class Channel(models.TextChoices):
    """How a message travels."""

    WHATSAPP = "whatsapp", "WhatsApp"
    SMS = "sms", "SMS"
    EMAIL = "email", "E-mail"

"""The WhatsApp Cloud API of Meta. https://developers.facebook.com/docs/whatsapp/cloud-api"""

from services.ingestion.channels.whatsapp.adapter import WhatsApp, WhatsAppConfig

__all__ = ["WhatsApp", "WhatsAppConfig"]

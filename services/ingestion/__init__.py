"""What comes in and goes out, per channel: the only place that knows WhatsApp."""
